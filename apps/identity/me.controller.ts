import type { NatsConnection } from '@nats-io/transport-node';
import { Body, Controller, Get, Inject, Ip, Patch, Put, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiAcceptedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
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
import { changesIn } from '@tokenlog/platform/sent-back.js';
import type { Response } from 'express';
import type { z } from 'zod';
import { AppliedEvents } from './applied-events.js';
import { ChangePassword, passwordChange } from './change-password.js';
import { profileChanges, UpdateProfile } from './update-profile.js';
import { ownAnswerOf, userTag } from './user-tag.js';
import { type OwnView, ownView, ownViewOf } from './user-view.js';
import { Users } from './users.js';

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

  @ApiOperation({ summary: 'Who I am.' })
  @ApiOkResponse({ standardSchema: ownView })
  @Get()
  async get(@CurrentUser() { id }: AuthenticatedUser): Promise<OwnView> {
    return ownAnswerOf(await this.users.get(id));
  }

  @ApiOperation({ summary: 'Changes how I can be reached; null erases.' })
  @ApiOkResponse({ standardSchema: ownView })
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

  @ApiOperation({
    summary: 'Changes my password, giving the current one.',
    description:
      '403 `wrong-password` or `token-session`, 409 `no-local-password`, 429. `tokens` overrides the policy.',
  })
  @ApiNoContentResponse({ description: 'Changed, and the token service has applied it.' })
  @ApiAcceptedResponse({ description: 'Changed; the token service has not said within 2 s that it has applied it.' })
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

  @ApiOperation({ summary: 'The tokens and sessions that changing my password would touch. Changes nothing.' })
  @ApiOkResponse({ standardSchema: userImpact.reply })
  @Get('password/impact')
  impact(@CurrentUser() { id: userId }: AuthenticatedUser): Promise<UserImpact> {
    return request(this.nats, userImpact, { userId });
  }
}
