import type { ExecutionContext } from '@nestjs/common';
import type { ActiveReply } from '@tokenlog/contracts/tokens/verify.js';

/** Where a request carried its credential. `body` and `url` are `auth_token` (S3); the last two are NATS messages. */
export type CarriedBy =
  | 'authorization'
  | 'auth-token'
  | 'basic'
  | 'body'
  | 'url'
  | 'cookie'
  | 'message-header'
  | 'message-field';

/** A credential as it was found, not yet checked. `text` must never be logged. */
export interface PresentedCredential {
  readonly text: string;
  readonly by: CarriedBy;
  /** The user name that came with it in HTTP Basic (S4). */
  readonly username?: string;
}

/** The user behind an accepted credential, with the roles that the user has now. */
export type AuthenticatedUser = ActiveReply['user'];

/** An accepted verification: all of its reply, and where its credential was found. */
export type Authentication = ActiveReply & { readonly carriedBy: CarriedBy };

/** By request (HTTP) or by message context (NATS); gone with it. */
const accepted = new WeakMap<object, Authentication>();

/** Keeps what a guard found out for the rest of its request. */
export function keepAuthentication(context: ExecutionContext, authentication: Authentication): void {
  accepted.set(keyOf(context), authentication);
}

/** What a guard found out about this request; `undefined` on a public route. */
export function authenticationOf(context: ExecutionContext): Authentication | undefined {
  return accepted.get(keyOf(context));
}

/**
 * The object that stands for one request in every guard, interceptor and parameter decorator that sees it.
 * @throws Error for a transport that has neither requests nor messages
 */
export function keyOf(context: ExecutionContext): object {
  const type = context.getType();
  if (type === 'http') return context.switchToHttp().getRequest();
  if (type === 'rpc') return context.switchToRpc().getContext() ?? context.switchToRpc().getData();
  throw new Error(`@tokenlog/auth guards HTTP routes and message handlers, not "${type}".`);
}
