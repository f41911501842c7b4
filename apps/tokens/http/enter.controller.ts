import { Controller, Get, Header, Query, Req, Res } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { ApiTags } from '@nestjs/swagger';
import { Public, SetsCookie, TokenGuard } from '@tokenlog/auth';
import { nextPath } from '@tokenlog/platform/next-path.js';
import { Operation } from '@tokenlog/platform/operation.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { setSessionCookie } from '@tokenlog/platform/session-cookie.js';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { askGuard, requestAs } from '../guards/ask-guard.js';
import { guardRefusals } from '../guards/guard-refusals.js';
import { StartSession } from '../session/start-session.js';

const enterQuery = z.strictObject({
  access_token: z.string().describe('the token; a session credential is none'),
  next: nextPath.default('/').describe('where to go: a path of this origin'),
});

/** A token in a URL opens the pages, without a login, as the token's user (S5). */
@ApiTags('sessions')
@Public()
@Controller('enter')
export class EnterController {
  constructor(
    private readonly guard: TokenGuard,
    private readonly commands: CommandBus,
  ) {}

  @Operation({
    id: 'enterWithToken',
    summary: 'Starts a session of the token in the URL, sets it as the cookie `session`, and sends the browser on.',
    description: 'The URL is as secret as the token: it stays in the browser’s history.',
    answers: { 303: { description: 'To `next`.', headers: { Location: 'What `next` names.' } } },
    problems: [
      ...guardRefusals({ scopes: false, roles: false }),
      'not-a-token',
      'token-not-found',
      'not-active',
      ['user-disabled', 409],
    ],
  })
  @Header('Cache-Control', 'no-store')
  @Header('Referrer-Policy', 'no-referrer')
  @SetsCookie()
  @Get()
  async enter(
    @Query({ schema: enterQuery }) { access_token, next }: z.output<typeof enterQuery>,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    // Only the parameter counts: a cookie of somebody who is here already must not answer for a wrong token.
    const presented = { method: 'POST', headers: {}, body: { auth_token: access_token } };
    const { kind, token } = await askGuard(this.guard, requestAs(request, presented), response, {});
    if (kind !== 'token' || !token) {
      throw new Problem('not-a-token', 'Only a token can start a session here; this is a session.');
    }
    const basis = { with: 'token', tokenId: token.id, generation: token.secretGeneration } as const;
    const { credential, expiresAt } = await this.commands.execute(new StartSession(basis, request.ip ?? null));
    // Lax: after a link on another site a browser would keep a Strict cookie back from the page it is sent on to. What
    // changes something is asked for its origin in any case (S45).
    setSessionCookie(request, response, credential, new Date(expiresAt), 'lax');
    response.location(next);
  }
}
