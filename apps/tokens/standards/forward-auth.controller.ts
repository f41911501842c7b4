import { Controller, Get, Header, Query, Req, Res } from '@nestjs/common';
import { ApiSecurity, ApiTags } from '@nestjs/swagger';
import { Public, TokenGuard } from '@tokenlog/auth';
import { role, scope } from '@tokenlog/contracts/message.js';
import { Operation } from '@tokenlog/platform/operation.js';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { askGuard, requestAs } from '../guards/ask-guard.js';
import { guardRefusals } from '../guards/guard-refusals.js';
import { comingBy } from '../verification/verification-metrics.js';

const listOf = (name: z.ZodType<string, string>) =>
  z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(name).max(64))
    .optional();

/**
 * The bytes of each of the two lists in an answer: with all else that stands there it stays below 4,096, which is what nginx reads
 * of headers by default before it answers 500.
 */
const LONGEST_LIST = 1400;

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

  @ApiSecurity('bearer')
  @Operation({
    id: 'verifyForProxy',
    summary: 'Whether a proxy may let a request through: the credential in its headers or its cookie is looked at.',
    answers: {
      204: {
        description: 'Let it through.',
        headers: {
          'X-Auth-User': 'The account name; what is not printable ASCII, and `%`, is percent-encoded.',
          'X-Auth-Roles': `Separated by commas. What does not fit into ${LONGEST_LIST} characters is left out, that last which was asked for.`,
          'X-Auth-Scopes': 'The same of the scopes.',
          'X-Auth-Truncated': 'Names the lists that are not whole.',
          'X-Auth-Token-Id': 'Not for a session that was started with a password.',
        },
      },
    },
    problems: guardRefusals(),
  })
  @Header('Cache-Control', 'no-store')
  @Get()
  async verify(
    @Query({ schema: verifyQuery }) asked: z.output<typeof verifyQuery>,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    const { user, token, scopes } = await comingBy('forward-auth', () =>
      askGuard(this.guard, originalOf(request), response, asked),
    );
    const lists = { roles: listOfThose(user.roles, asked.roles), scopes: listOfThose(scopes, asked.scopes) };
    const truncated = Object.entries(lists).flatMap(([name, { isWhole }]) => (isWhole ? [] : [name]));
    response.set({
      'X-Auth-User': headerValue(user.username),
      'X-Auth-Roles': lists.roles.text,
      'X-Auth-Scopes': lists.scopes.text,
      ...(truncated.length > 0 && { 'X-Auth-Truncated': truncated.join(',') }),
      ...(token && { 'X-Auth-Token-Id': token.id }),
    });
  }
}

/** Names as a header tells them: all that fit, in their order, and rather those that were asked for. */
function listOfThose(names: readonly string[], asked: readonly string[] = []): { text: string; isWhole: boolean } {
  const text = names.join(',');
  if (text.length <= LONGEST_LIST) return { text, isWhole: true };
  let room = LONGEST_LIST + 1;
  const isFitting = (name: string) => {
    const fits = name.length < room;
    if (fits) room -= name.length + 1;
    return fits;
  };
  const kept = new Set(names.filter((name) => asked.includes(name)).filter(isFitting));
  for (const name of names) if (!kept.has(name) && isFitting(name)) kept.add(name);
  return { text: names.filter((name) => kept.has(name)).join(','), isWhole: false };
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
