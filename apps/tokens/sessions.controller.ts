import { Controller, Delete, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { RequireScopes, SetsCookie } from '@tokenlog/auth';
import { instant } from '@tokenlog/contracts/message.js';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { setSessionCookie } from '@tokenlog/platform/session-cookie.js';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { type Caller, CurrentCaller, metadataOf } from './caller.js';
import { EndSession } from './end-session.js';
import { listSessions, sessionListQuery, sessionPage } from './list-sessions.js';
import { StartSession } from './start-session.js';

const startedAnswer = z.object({ session: z.object({ credential: z.string(), expiresAt: instant }) });
const sessionId = z.uuid();

/** Sessions: those that logins and tokens started (S5, S28, S29). */
@ApiTags('sessions')
@Controller('sessions')
export class SessionsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly store: EventStore,
  ) {}

  @ApiOperation({
    summary: 'Start a session of the token that asks; its credential is also set as the cookie `session`.',
  })
  @ApiCreatedResponse({ standardSchema: startedAnswer })
  @SetsCookie()
  @Post()
  async start(
    @CurrentCaller() caller: Caller,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<z.output<typeof startedAnswer>> {
    if (caller.credential.kind !== 'token') {
      throw new Problem('not-a-token', 'Only a token can start a session here; log in for one of your own.');
    }
    const generation = caller.secretGeneration ?? 0;
    const basis = { with: 'token', tokenId: caller.credential.id, generation } as const;
    const { credential, expiresAt } = await this.commands.execute(new StartSession(basis, caller.ip));
    setSessionCookie(request, response, credential, new Date(expiresAt));
    return { session: { credential, expiresAt } };
  }

  @ApiOperation({ summary: 'Active sessions: your own; for an admin, everybody’s.' })
  @ApiOkResponse({ standardSchema: sessionPage })
  @RequireScopes('tokens')
  @Get()
  list(@CurrentCaller() caller: Caller, @Query({ schema: sessionListQuery }) query: z.output<typeof sessionListQuery>) {
    return listSessions(this.store.pool, query, caller.isAdmin ? 'anyone' : caller.id);
  }

  @ApiOperation({ summary: 'End a session.' })
  @ApiNoContentResponse()
  @RequireScopes('tokens')
  @HttpCode(204)
  @Delete(':id')
  async end(@CurrentCaller() caller: Caller, @Param('id', { schema: sessionId }) id: string) {
    const owner = caller.isAdmin ? 'anyone' : caller.id;
    await this.commands.execute(new EndSession(id, owner, 'ended', metadataOf(caller)));
  }
}
