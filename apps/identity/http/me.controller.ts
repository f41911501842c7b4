import type { NatsConnection } from '@nats-io/transport-node';
import { Body, Controller, Get, Inject, Ip, Patch, Put, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import {
  AllowWhilePasswordChangeRequired,
  type AuthenticatedUser,
  type Authentication,
  CurrentAuthentication,
  CurrentUser,
  RequireScopes,
} from '@tokenlog/auth';
import { type UserImpact, userImpact } from '@tokenlog/contracts/internal/user-impact.js';
import { CurrentIfMatch, type IfMatch } from '@tokenlog/platform/if-match.js';
import { NATS } from '@tokenlog/platform/nats.js';
import { request } from '@tokenlog/platform/nats-request.js';
import { Operation } from '@tokenlog/platform/operation.js';
import { changesIn } from '@tokenlog/platform/sent-back.js';
import type { Response } from 'express';
import type { z } from 'zod';
import { ChangePassword, passwordChange } from '../login/change-password.js';
import { AppliedEvents } from '../user/applied-events.js';
import { profileChanges, UpdateProfile } from '../user/update-profile.js';
import { ownAnswerOf, userTag } from '../user/user-tag.js';
import { type OwnView, ownView, ownViewOf } from '../user/user-view.js';
import { Users } from '../user/users.js';

@ApiTags('me')
@RequireScopes('tokens')
@AllowWhilePasswordChangeRequired()
@Controller('me')
export class MeController {
  constructor(
    private readonly commands: CommandBus,
    private readonly users: Users,
    private readonly applied: AppliedEvents,
    @Inject(NATS) private readonly nats: NatsConnection,
  ) {}

  @Operation({ id: 'getMe', summary: 'Who I am.', answers: { 200: ownView }, problems: ['user-not-found'] })
  @Get()
  async get(@CurrentUser() { id }: AuthenticatedUser): Promise<OwnView> {
    return ownAnswerOf(await this.users.get(id));
  }

  @Operation({
    id: 'updateMe',
    summary: 'Changes how I can be reached; null erases.',
    answers: { 200: ownView },
    problems: ['user-not-found'],
  })
  @Patch()
  async update(
    @CurrentUser() { id }: AuthenticatedUser,
    @Body({ schema: profileChanges }) { user: sent = {}, contact, ...fields }: z.output<typeof profileChanges>,
    @CurrentIfMatch() ifMatch: IfMatch,
  ): Promise<OwnView> {
    const present = await this.users.get(id);
    ifMatch.assertHolds(userTag(present));
    changesIn<OwnView['user'], never>(sent, ownViewOf(present).user, { writable: [], moving: ['lastLoginAt'] });
    const changes = { ...contact, ...fields };
    const { user } = await this.commands.execute(new UpdateProfile(id, changes, ifMatch));
    return ownAnswerOf(user);
  }

  @Operation({
    id: 'changeMyPassword',
    summary: 'Changes my password, giving the current one.',
    description: '`tokens` overrides the policy.',
    answers: {
      202: { description: 'Changed; the token service has not said within 2 s that it has applied it.' },
      204: { description: 'Changed, and the token service has applied it.' },
    },
    problems: [
      'password-unchanged',
      'token-session',
      'wrong-password',
      'user-not-found',
      'no-local-password',
      'password-just-changed',
      'too-many-attempts',
    ],
  })
  @Put('password')
  async changePassword(
    @CurrentAuthentication() authentication: Authentication,
    @Ip() ip: string | undefined,
    @Body({ schema: passwordChange }) change: z.output<typeof passwordChange>,
    @CurrentIfMatch() ifMatch: IfMatch,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    const { id, username } = authentication.user;
    const metadata = { by: { kind: 'user' as const, id, username }, ip: ip ?? null };
    const { eventId } = await this.commands.execute(new ChangePassword(authentication, change, metadata, ifMatch));
    response.status((await this.applied.wait(eventId)) ? 204 : 202);
  }

  @Operation({
    id: 'getImpactOfMyPasswordChange',
    summary: 'The tokens and sessions that changing my password would touch. Changes nothing.',
    answers: { 200: userImpact.reply },
    problems: ['user-not-found'],
  })
  @Get('password/impact')
  impact(@CurrentUser() { id: userId }: AuthenticatedUser): Promise<UserImpact> {
    return request(this.nats, userImpact, { userId });
  }
}
