import type { NatsConnection } from '@nats-io/transport-node';
import { Body, Controller, Delete, Get, Inject, Ip, Param, Patch, Post, Put, Query, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import { type AuthenticatedUser, CurrentUser, RequireRoles, RequireScopes } from '@tokenlog/auth';
import { confirmUser } from '@tokenlog/contracts/internal/confirm-user.js';
import { type UserImpact, userImpact } from '@tokenlog/contracts/internal/user-impact.js';
import type { Metadata } from '@tokenlog/event-store/event.js';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { currentEpoch } from '@tokenlog/event-store/history.js';
import { CurrentIfMatch, type IfMatch } from '@tokenlog/platform/if-match.js';
import { NATS } from '@tokenlog/platform/nats.js';
import { request } from '@tokenlog/platform/nats-request.js';
import { Operation } from '@tokenlog/platform/operation.js';
import { changesIn } from '@tokenlog/platform/sent-back.js';
import type { Response } from 'express';
import { z } from 'zod';
import { externalLink, LinkExternalIdentity } from '../external-login/link-external-identity.js';
import { passwordToSet, SetPassword } from '../login/set-password.js';
import { AppliedEvents } from '../user/applied-events.js';
import { CHANGEABLE, ChangeUser, changeable, type UserChanges, userChanges } from '../user/change-user.js';
import { DeleteUser } from '../user/delete-user.js';
import { ListUsers, userList, usersQuery } from '../user/list-users.js';
import { RegisterUser, type Registration, registration } from '../user/register-user.js';
import type { User } from '../user/user.entity.js';
import { answerOf, userTag } from '../user/user-tag.js';
import { type UserView, userView, viewOf } from '../user/user-view.js';
import { Users } from '../user/users.js';

const userId = z.uuid();
const CONFIRM_MS = 2000;
const deletion = z.strictObject({ dryRun: z.enum(['true', 'false']).default('false') });

@ApiTags('users')
@RequireScopes('admin')
@RequireRoles('admin')
@Controller('users')
export class UsersController {
  constructor(
    private readonly commands: CommandBus,
    private readonly users: Users,
    private readonly lists: ListUsers,
    private readonly applied: AppliedEvents,
    private readonly store: EventStore,
    @Inject(NATS) private readonly nats: NatsConnection,
  ) {}

  @Operation({
    id: 'listUsers',
    summary: 'Users by account name.',
    answers: { 200: userList },
    problems: ['invalid-cursor', 'ambiguous-user'],
  })
  @RequireScopes('admin', 'helpdesk')
  @RequireRoles('admin', 'helpdesk')
  @Get()
  list(@Query({ schema: usersQuery }) query: z.output<typeof usersQuery>): Promise<z.output<typeof userList>> {
    return this.lists.execute(query);
  }

  @Operation({ id: 'getUser', summary: 'A user.', answers: { 200: userView }, problems: ['user-not-found'] })
  @RequireScopes('admin', 'helpdesk')
  @RequireRoles('admin', 'helpdesk')
  @Get(':id')
  async get(@Param('id', { schema: userId }) id: string): Promise<UserView> {
    return answerOf(await this.users.get(id));
  }

  @Operation({
    id: 'createUser',
    summary: 'Registers a user.',
    answers: { 201: userView },
    problems: ['username-taken', 'application-user'],
  })
  @Post()
  async register(
    @CurrentUser() actor: AuthenticatedUser,
    @Ip() ip: string | undefined,
    @Body({ schema: registration }) body: Registration,
    @CurrentIfMatch() ifMatch: IfMatch,
  ): Promise<UserView> {
    ifMatch.assertHolds(null);
    const { user, eventId } = await this.commands.execute(new RegisterUser(body, metadataOf(actor, ip)));
    await this.applied.wait(eventId);
    return answerOf(user);
  }

  @Operation({
    id: 'editUser',
    summary: 'Changes a user; what is left out stays.',
    description: 'A user may be sent back as it was read: what cannot be changed must be as it is.',
    answers: {
      200: { schema: userView, description: 'Changed, and the token service has applied it.' },
      202: {
        schema: userView,
        description: 'Changed; the token service has not said within 2 s that it has applied it.',
      },
    },
    problems: ['user-not-found', 'last-admin'],
  })
  @Patch(':id')
  async change(
    @CurrentUser() actor: AuthenticatedUser,
    @Ip() ip: string | undefined,
    @Param('id', { schema: userId }) id: string,
    @Body({ schema: userChanges }) body: z.output<typeof userChanges>,
    @CurrentIfMatch() ifMatch: IfMatch,
    @Res({ passthrough: true }) response: Response,
  ): Promise<UserView> {
    const present = await this.users.get(id);
    // What was read before somebody else's change is told that, and not that it sends what cannot be changed.
    ifMatch.assertHolds(userTag(present));
    changesIn<UserView, (typeof CHANGEABLE)['writable'][number]>(body, viewOf(present), CHANGEABLE);
    // What is so already too: it may be the second try of a change that was broken off.
    const changes = changeable.parse(body);
    const { user, eventId } = await this.commands.execute(new ChangeUser(id, changes, metadataOf(actor, ip), ifMatch));
    const holds = eventId === null ? await this.confirm(user, changes) : await this.applied.wait(eventId);
    if (!holds) response.status(202);
    return answerOf(user);
  }

  /** A change that finds nothing to change may be the second try of one whose answer was 202, or lost. */
  private async confirm({ id: userId, version }: User, changes: UserChanges): Promise<boolean> {
    if (changes.roles === undefined && changes.disabled === undefined) return true;
    const epoch = await currentEpoch(this.store.pool);
    return request(this.nats, confirmUser, { userId, version, epoch }, CONFIRM_MS).then(
      ({ holds }) => holds,
      () => false,
    );
  }

  @Operation({
    id: 'deleteUser',
    summary: 'Erases a user; the tokens of it become invalid.',
    description: '`dryRun=true` changes nothing and lists what it would touch.',
    answers: {
      200: { schema: userImpact.reply, description: 'The dry run.' },
      202: { description: 'Erased; the token service has not said within 2 s that it has applied it.' },
      204: { description: 'Erased, and the token service has applied it.' },
    },
    problems: ['user-not-found', 'last-admin'],
  })
  @Delete(':id')
  async delete(
    @CurrentUser() actor: AuthenticatedUser,
    @Ip() ip: string | undefined,
    @Param('id', { schema: userId }) id: string,
    @Query({ schema: deletion }) { dryRun }: z.output<typeof deletion>,
    @CurrentIfMatch() ifMatch: IfMatch,
    @Res({ passthrough: true }) response: Response,
  ): Promise<UserImpact | undefined> {
    if (dryRun === 'true') return request(this.nats, userImpact, { userId: (await this.users.get(id)).id });
    const { eventId } = await this.commands.execute(new DeleteUser(id, metadataOf(actor, ip), ifMatch));
    response.status((await this.applied.wait(eventId)) ? 204 : 202);
    return undefined;
  }

  @Operation({
    id: 'setPasswordOfUser',
    summary: "Sets a user's password, entering one's own; the user must change it.",
    answers: {
      202: { description: 'Set; the token service has not said within 2 s that it has applied it.' },
      204: { description: 'Set, and the token service has applied it.' },
    },
    problems: [
      'wrong-password',
      'admin-account',
      'user-not-found',
      'application-user',
      'own-account',
      'no-local-password',
      'too-many-attempts',
    ],
  })
  @RequireScopes('admin', 'helpdesk')
  @RequireRoles('admin', 'helpdesk')
  @Put(':id/password')
  async setPassword(
    @CurrentUser() actor: AuthenticatedUser,
    @Ip() ip: string | undefined,
    @Param('id', { schema: userId }) id: string,
    @Body({ schema: passwordToSet }) passwords: z.output<typeof passwordToSet>,
    @CurrentIfMatch() ifMatch: IfMatch,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    const { eventId } = await this.commands.execute(new SetPassword(id, passwords, actor, ip ?? null, ifMatch));
    response.status((await this.applied.wait(eventId)) ? 204 : 202);
  }

  @Operation({
    id: 'linkUserToExternalIdentity',
    summary: 'Says who a user is at the external login: its `sub` there, or null for nobody.',
    answers: { 204: null },
    problems: ['user-not-found', 'external-login-off', 'external-identity-taken', 'application-user'],
  })
  @Put(':id/external-identity')
  async link(
    @CurrentUser() actor: AuthenticatedUser,
    @Ip() ip: string | undefined,
    @Param('id', { schema: userId }) id: string,
    @Body({ schema: externalLink }) { subject }: z.output<typeof externalLink>,
    @CurrentIfMatch() ifMatch: IfMatch,
  ): Promise<void> {
    await this.commands.execute(new LinkExternalIdentity(id, subject, metadataOf(actor, ip), ifMatch));
  }
}

function metadataOf({ id, username }: AuthenticatedUser, ip: string | undefined): Metadata {
  return { by: { kind: 'user', id, username }, ip: ip ?? null };
}
