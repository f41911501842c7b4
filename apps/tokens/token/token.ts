import type { Aggregate } from '@tokenlog/event-store/event.js';
import { Problem } from '@tokenlog/platform/problem.js';

/**
 * The events of one token. Type names and fields are storage formats: they stand in logs for years. Never rename one;
 * `token.golden.spec.ts` holds them.
 */
export type TokenEvent =
  | {
      type: 'token-created';
      data: {
        userId: string;
        username: string;
        description: string;
        scopes: string[];
        expiresAt: string | null;
        secretGeneration: number;
      };
    }
  | { type: 'token-edited'; data: { description: string; scopes: string[]; expiresAt: string | null } }
  | {
      type: 'token-refreshed';
      data: {
        secretGeneration: number;
        expiresAt: string | null;
        gracePeriodEndsAt: string | null;
        /** Whether the grace periods of secrets from before go on; in logs from before this they ended. */
        gracePeriodsKept?: boolean;
      };
    }
  | { type: 'token-revoked'; data: { reason: string | null } }
  | {
      type: 'token-reassigned';
      data: { userId: string; username: string; previousUserId: string; secretGeneration: number };
    }
  | { type: 'token-invalidated'; data: { cause: 'user-deleted' } }
  | {
      type: 'token-expiring';
      data: { userId: string; username: string; description: string; expiresAt: string; thresholdDays: number };
    }
  | { type: 'token-deleted'; data: Record<string, never> };

interface TokenFacts {
  readonly userId: string;
  readonly description: string;
  readonly scopes: readonly string[];
  readonly expiresAt: string | null;
  readonly secretGeneration: number;
}

/** What a token is, by its log. That its time has run out is not an event: whoever decides brings the time. */
export type TokenState =
  | { readonly status: 'none' }
  | ({ readonly status: 'active' | 'revoked' | 'invalid' | 'deleted' } & TokenFacts);

export type IssuedToken = Exclude<TokenState, { status: 'none' }>;

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

/** A token that was issued and not deleted, or the problem 404 `token-not-found`. */
export function existing(state: TokenState): IssuedToken {
  if (state.status === 'none' || state.status === 'deleted') throw tokenNotFound();
  return state;
}

export function tokenNotFound(): Problem {
  return new Problem('token-not-found', 'There is no such token, or it is not yours.');
}

/** Whether a token of this user is `theirs`: for everybody but an admin, all others do not exist. */
export function ownedBy(state: IssuedToken, owner: string | 'anyone'): IssuedToken {
  if (owner !== 'anyone' && state.userId !== owner) throw tokenNotFound();
  return state;
}

export function tokenIs(status: 'revoked' | 'invalid'): Problem {
  return status === 'revoked'
    ? new Problem('token-revoked', 'The token is revoked: that is for good. Create a new one.')
    : new Problem('token-invalid', "The token's user is gone. Reassign it to another user first.");
}
