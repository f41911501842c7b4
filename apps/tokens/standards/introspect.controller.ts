import { Body, Controller, Post, UseGuards } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type Authentication, CurrentAuthentication, Public } from '@tokenlog/auth';
import { exampleOf, named } from '@tokenlog/contracts/named.js';
import { sessionCredential } from '@tokenlog/contracts/session-credential.js';
import type { ActiveReply } from '@tokenlog/contracts/tokens/verify.js';
import { IgnoreUnknownFields } from '@tokenlog/platform/unknown-fields.js';
import { z } from 'zod';
import { Verifier } from '../verification/verifier.js';
import { OAuthClientGuard } from './oauth-client.guard.js';
import { OAuthOperation } from './oauth-operation.js';

/** RFC 7662, 2.1 and RFC 7009, 2.1. Parameters that are not named are ignored, as OAuth wants it (RFC 6749, 3.2). */
export const presentedForm = named(
  'PresentedToken',
  z.object({
    token: z.string().min(1).describe('the token or session credential that is asked about'),
    token_type_hint: z.string().optional().describe('ignored: a token says itself what it is'),
    client_id: z.string().optional().describe('client_secret_post (RFC 6749, 2.3.1): the account name of the caller'),
    client_secret: z.string().optional().describe('and its token; not beside the header `Authorization`'),
  }),
  { token: exampleOf(sessionCredential).credential },
);

const introspection = named(
  'Introspection',
  z.union([
    z.object({ active: z.literal(false) }),
    z.object({
      active: z.literal(true),
      scope: z.string().describe('separated by spaces; `*` in a session that was started with a password: all'),
      client_id: z.uuid().optional().describe('the id of the token, or of the token that the session is of'),
      username: z.string(),
      token_type: z.literal('Bearer'),
      exp: z.int().optional(),
      iat: z.int(),
      sub: z.uuid().describe('the id of the user'),
      jti: z.uuid().describe('the id of the token, or of the session'),
      roles: z.array(z.string()).describe('the roles that the user has now'),
    }),
  ]),
  {
    active: true,
    scope: 'rest reports',
    client_id: '01997c9e-2222-7222-8222-222222222222',
    username: 'ada',
    token_type: 'Bearer',
    exp: 1_801_387_613,
    iat: 1_793_611_613,
    sub: '01997c9e-1111-7111-8111-111111111111',
    jti: '01997c9e-2222-7222-8222-222222222222',
    roles: ['operator'],
  },
);
type Introspection = z.infer<typeof introspection>;

/** The longest name that stands in a token's history as the service that used it. */
const LONGEST_SERVICE = 128;

/** RFC 7662, for every resource server that cannot ask over NATS. */
@ApiTags('standards')
@Public()
@UseGuards(OAuthClientGuard)
@IgnoreUnknownFields()
@Controller('oauth2/introspect')
export class IntrospectController {
  constructor(private readonly verifier: Verifier) {}

  @OAuthOperation({
    id: 'introspectToken',
    summary: 'What a token is good for (RFC 7662). The caller needs the scope `introspect`.',
    description: 'Each `active: true` is one use of the token. Whatever is not active is only that, never why.',
    answers: { 200: introspection },
  })
  @Post()
  async introspect(
    @CurrentAuthentication() caller: Authentication,
    @Body({ schema: presentedForm }) { token }: z.output<typeof presentedForm>,
  ): Promise<Introspection> {
    // No address: the one that this request comes from is the resource server's, not its caller's.
    const service = (caller.token?.description ?? caller.user.username).slice(0, LONGEST_SERVICE);
    const reply = await this.verifier.verify({ credential: token, service }, 'introspection');
    // Such a session may do nothing but change its password (S12), which is not the resource server's to do.
    if (!reply.active || reply.session?.mustChangePassword) return { active: false };
    return introspectionOf(reply);
  }
}

function introspectionOf({ token, session, user, scopes, validUntil }: ActiveReply): Introspection {
  const id = session?.id ?? token?.id ?? user.id;
  return {
    active: true,
    scope: scopes.join(' '),
    ...(token && { client_id: token.id }),
    username: user.username,
    token_type: 'Bearer',
    ...(validUntil && { exp: seconds(Date.parse(validUntil)) }),
    iat: seconds(madeAt(id)),
    sub: user.id,
    jti: id,
    roles: user.roles,
  };
}

/** When an id was made, in ms: the first 48 bits of a UUIDv7 (RFC 9562, 5.7). It saves a query. */
function madeAt(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** Down: what caches by it never believes in a token for longer than it lives. */
function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
