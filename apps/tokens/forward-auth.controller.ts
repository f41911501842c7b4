import { Controller, Get, Header, HttpCode, Query, Req, Res } from '@nestjs/common';
import { ApiNoContentResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Public, TokenGuard } from '@tokenlog/auth';
import { role, scope } from '@tokenlog/contracts/message.js';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { askGuard, requestAs } from './ask-guard.js';
import { comingBy } from './verification-metrics.js';

const listOf = (name: z.ZodType<string, string>) =>
  z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(name).max(64))
    .optional();

/** Strict, and no list may be empty: a typing error in a proxy's configuration must not open what stands behind it. */
const verifyQuery = z.strictObject({
  scopes: listOf(scope).describe('separated by commas; any one is enough'),
  roles: listOf(role).describe('separated by commas; any one is enough'),
});

/** Forward authentication: nginx `auth_request`, Traefik `ForwardAuth`, Caddy `forward_auth`. See `docs/standards.md`. */
@ApiTags('standards')
@Public()
@Controller('auth/verify')
export class ForwardAuthController {
  constructor(private readonly guard: TokenGuard) {}

  @ApiOperation({
    summary: 'Whether a proxy may let a request through: the credential in its headers or its cookie is looked at.',
    description:
      'Answers with `X-Auth-User` (what is not printable ASCII, and `%`, is percent-encoded), `X-Auth-Roles`, ' +
      '`X-Auth-Scopes` (both separated by commas) and `X-Auth-Token-Id`, which a password’s session has not.',
  })
  @ApiNoContentResponse({ description: 'Let it through.' })
  @Header('Cache-Control', 'no-store')
  @HttpCode(204)
  @Get()
  async verify(
    @Query({ schema: verifyQuery }) asked: z.output<typeof verifyQuery>,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    const { user, token, scopes } = await comingBy('forward-auth', () =>
      askGuard(this.guard, originalOf(request), response, asked),
    );
    response.set({
      'X-Auth-User': headerValue(user.username),
      'X-Auth-Roles': user.roles.join(','),
      'X-Auth-Scopes': scopes.join(','),
      ...(token && { 'X-Auth-Token-Id': token.id }),
    });
  }
}

/**
 * The request that the proxy asks about, as the guard must see it (S45): a cookie speaks for one that changes something only
 * if the browser says that the same origin made it. A proxy that does not tell the method may be asking about a POST, and
 * of two methods that are told the unsafe one counts: a header may have come from outside, through a proxy that sets the other.
 */
function originalOf(request: Request): Request {
  const told = [request.get('X-Forwarded-Method'), request.get('X-Original-Method')].filter((one) => one !== undefined);
  const method = told.every((one) => one === 'GET' || one === 'HEAD') ? told[0] : 'POST';
  return requestAs(request, { method: method ?? 'POST', host: request.get('X-Forwarded-Host') ?? request.host });
}

/** A name as a header may carry it: RFC 9110, 5.5 leaves everything but printable ASCII to misunderstandings. */
function headerValue(name: string): string {
  return name.toWellFormed().replaceAll(/[^\x21-\x24\x26-\x7e]/gu, encodeURIComponent);
}
