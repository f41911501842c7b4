import { MikroORM } from '@mikro-orm/postgresql';
import { Controller, Delete, Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import { RequireScopes, SetsCookie } from '@tokenlog/auth';
import { exampleOf, named } from '@tokenlog/contracts/named.js';
import { sessionCredential } from '@tokenlog/contracts/session-credential.js';
import { Operation } from '@tokenlog/platform/operation.js';
import { setSessionCookie } from '@tokenlog/platform/session-cookie.js';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { EndSession } from '../session/end-session.js';
import { StartSession } from '../session/start-session.js';
import { listSessions, sessionListQuery, sessionPage } from '../table/list-sessions.js';
import { askingToken, type Caller, CurrentCaller, metadataOf } from '../user/caller.js';
import { ownerFor } from '../user/owner.js';
import { tokenProblems } from './token-problems.js';

const startedAnswer = named('StartedSession', z.object({ session: sessionCredential }), {
  session: exampleOf(sessionCredential),
});
const sessionId = z.uuid();

/** Sessions: those that logins and tokens started (S5, S28, S29). */
@ApiTags('sessions')
@Controller('sessions')
export class SessionsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly orm: MikroORM,
  ) {}

  @Operation({
    id: 'startSession',
    summary: 'Start a session of the token that asks; its credential is also set as the cookie `session`.',
    answers: { 201: startedAnswer },
    problems: ['not-a-token', 'token-not-found', 'not-active', ['user-disabled', 409]],
  })
  @SetsCookie()
  @Post()
  async start(
    @CurrentCaller() caller: Caller,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<z.output<typeof startedAnswer>> {
    const tokenId = askingToken(caller, 'Only a token can start a session here; log in for one of your own.');
    const generation = caller.secretGeneration ?? 0;
    const basis = { with: 'token', tokenId, generation } as const;
    const { credential, expiresAt } = await this.commands.execute(new StartSession(basis, caller.ip));
    setSessionCookie(request, response, credential, new Date(expiresAt));
    return { session: { credential, expiresAt } };
  }

  @Operation({
    id: 'listSessions',
    summary: 'Active sessions: your own; for an admin, everybody’s.',
    answers: { 200: sessionPage },
    problems: tokenProblems.list,
  })
  @RequireScopes('tokens')
  @Get()
  list(@CurrentCaller() caller: Caller, @Query({ schema: sessionListQuery }) query: z.output<typeof sessionListQuery>) {
    return listSessions(this.orm.em.fork(), query, ownerFor(caller));
  }

  @Operation({ id: 'endSession', summary: 'End a session.', answers: { 204: null }, problems: ['session-not-found'] })
  @RequireScopes('tokens')
  @Delete(':id')
  async end(@CurrentCaller() caller: Caller, @Param('id', { schema: sessionId }) id: string) {
    await this.commands.execute(new EndSession(id, ownerFor(caller), 'ended', metadataOf(caller)));
  }
}
