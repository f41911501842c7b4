import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { authenticationOf } from '@tokenlog/auth';
import type { IdentityEvent } from '@tokenlog/contracts/identity/identity-events.js';
import type { ActiveReply } from '@tokenlog/contracts/tokens/verify.js';
import type { Metadata } from '@tokenlog/event-store/event.js';
import { Problem } from '@tokenlog/platform/problem.js';
import type { Request } from 'express';

/** Who calls, with what, and from where. */
export interface Caller {
  readonly id: string;
  readonly username: string;
  /** Has the role, and a credential that may be used for it. */
  readonly isAdmin: boolean;
  readonly credential: { readonly kind: 'token' | 'session'; readonly id: string };
  /** What its credential may do; a token must not give more than it has. Null: all that its user may, after a login. */
  readonly scopes: readonly string[] | null;
  /** Which secret of the token was proved, where the credential is a token or a token's session. */
  readonly secretGeneration: number | null;
  /** When the credential was verified, by the database's clock (RFC 3339). */
  readonly verifiedAt?: string;
  readonly ip: string | null;
}

/** The caller of a guarded HTTP route. */
export const CurrentCaller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const authentication = authenticationOf(context);
  if (!authentication) throw new Error('a public route has no caller');
  return callerOf(authentication, context.switchToHttp().getRequest<Request>().ip ?? null);
});

/** The caller that a verified credential stands for. */
export function callerOf({ user, session, token, scopes, checkedAt }: ActiveReply, ip: string | null): Caller {
  return {
    id: user.id,
    username: user.username,
    isAdmin: user.roles.includes('admin') && (scopes.includes('*') || scopes.includes('admin')),
    credential: session ? { kind: 'session', id: session.id } : { kind: 'token', id: token?.id ?? user.id },
    scopes: token ? scopes : null,
    secretGeneration: token?.secretGeneration ?? null,
    verifiedAt: checkedAt,
    ip,
  };
}

/**
 * The id of the token that asks by itself.
 * @param detail what whoever has a session is told
 * @throws Problem 403 `not-a-token`
 */
export function askingToken({ credential }: Caller, detail: string): string {
  if (credential.kind === 'token') return credential.id;
  throw new Problem('not-a-token', detail);
}

/** What the events of a caller's command say of it. */
export function metadataOf({ id, username, credential, ip }: Caller): Metadata {
  return { by: { kind: 'user', id, username }, ip, with: credential };
}

/** What the events of a reaction say of their cause. */
export function causedBy(event: IdentityEvent): Metadata {
  return { by: event.by, causedBy: event.id };
}
