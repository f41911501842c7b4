import type { StoredEvent } from '@tokenlog/contracts/message.js';
import type { tokenCreated } from '@tokenlog/contracts/tokens/token-created.js';
import type { tokenDeleted } from '@tokenlog/contracts/tokens/token-deleted.js';
import type { tokenEdited } from '@tokenlog/contracts/tokens/token-edited.js';
import type { tokenExpiring } from '@tokenlog/contracts/tokens/token-expiring.js';
import type { tokenInvalidated } from '@tokenlog/contracts/tokens/token-invalidated.js';
import type { tokenReassigned } from '@tokenlog/contracts/tokens/token-reassigned.js';
import type { tokenRefreshed } from '@tokenlog/contracts/tokens/token-refreshed.js';
import type { tokenRevoked } from '@tokenlog/contracts/tokens/token-revoked.js';
import type { Aggregate } from '@tokenlog/event-store/event.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { isOwnedBy, type Owner } from '../user/owner.js';

/**
 * The events of one token, as the log holds them. Type names and fields are storage formats: they stand in logs for years. Never
 * rename one; `stored-events.spec.ts` holds them.
 */
export type TokenEvent = StoredEvent<
  | typeof tokenCreated
  | typeof tokenEdited
  | typeof tokenRefreshed
  | typeof tokenRevoked
  | typeof tokenReassigned
  | typeof tokenInvalidated
  | typeof tokenExpiring
  | typeof tokenDeleted,
  'tokenId'
>;

interface TokenFacts {
  readonly userId: string;
  readonly description: string;
  readonly scopes: readonly string[];
  readonly expiresAt: string | null;
  readonly secretGeneration: number;
}

/** A token that was issued and is not deleted: what a command is decided on. */
export type IssuedToken = { readonly status: 'active' | 'revoked' | 'invalid' } & TokenFacts;

/** What a token is, by its log. That its time has run out is not an event: whoever decides brings the time. */
export type TokenState = { readonly status: 'none' } | ({ readonly status: 'deleted' } & TokenFacts) | IssuedToken;

export const Token: Aggregate<TokenState, TokenEvent> = {
  stream: (id) => `token-${id}`,
  initial: { status: 'none' },
  evolve,
};

function evolve(state: TokenState, event: TokenEvent): TokenState {
  if (event.type === 'token-created') {
    const { userId, description, scopes, expiresAt, secretGeneration } = event.data;
    return { status: 'active', userId, description, scopes, expiresAt, secretGeneration };
  }
  if (state.status === 'none') return state;
  switch (event.type) {
    case 'token-edited':
      return { ...state, ...event.data };
    case 'token-refreshed':
      return { ...state, secretGeneration: event.data.secretGeneration, expiresAt: event.data.expiresAt };
    case 'token-revoked':
      return { ...state, status: 'revoked' };
    case 'token-reassigned':
      return { ...state, status: 'active', userId: event.data.userId, secretGeneration: event.data.secretGeneration };
    case 'token-invalidated':
      return { ...state, status: 'invalid' };
    case 'token-expiring':
      return state;
    case 'token-deleted':
      return { ...state, status: 'deleted' };
    default:
      event satisfies never;
      // Of a version to come: what it says of this is not known here.
      return state;
  }
}

/** Valid up to and including the expiry instant (S23). */
export function isExpired(expiresAt: string | null, now: Date): boolean {
  return expiresAt !== null && new Date(expiresAt) < now;
}

/** Whether a token is accepted at an instant, its user and its policy apart. */
export function works({ status, expiresAt }: IssuedToken, now: Date): boolean {
  return status === 'active' && !isExpired(expiresAt, now);
}

/**
 * The token that somebody asks about.
 * @throws Problem 404 `token-not-found`: there is none, or it is deleted, or another's
 */
export function askedToken(state: TokenState, owner: Owner): IssuedToken {
  if (state.status === 'none' || state.status === 'deleted' || !isOwnedBy(state, owner)) throw tokenNotFound();
  return state;
}

export function tokenNotFound(): Problem {
  return new Problem('token-not-found', 'There is no such token, or it is not yours.');
}

/** @throws Problem 409 `token-revoked`: nothing makes it work again */
export function assertNotRevoked({ status }: IssuedToken): void {
  if (status === 'revoked') {
    throw new Problem('token-revoked', 'The token is revoked: that is for good. Create a new one.');
  }
}

/** @throws Problem 409 `token-revoked`, `token-invalid`: only another user makes it work again */
export function assertNotEnded(token: IssuedToken): void {
  assertNotRevoked(token);
  if (token.status === 'invalid') {
    throw new Problem('token-invalid', "The token's user is gone. Reassign it to another user first.");
  }
}
