import { Problem } from '@tokenlog/platform/problem.js';
import type { Policy } from '../config/policy.js';
import { isAllowed, isReserved } from '../config/scopes.js';
import type { Caller } from '../user/caller.js';
import type { KnownUser } from '../user/users.js';
import { type IssuedToken, isExpired, works } from './token.js';

const DAY_MS = 86_400_000;

/** What is asked of a token. What is left out stays as it is; of a new one, the policy says. */
export interface Wish {
  readonly scopes?: readonly string[] | undefined;
  readonly expiresAt?: string | null | undefined;
  /** Whether a secret is handed out: by everything but an edit. */
  readonly newSecret: boolean;
}

/** What a change of a token is decided on, besides its command. */
export interface IssuingFacts {
  /** Whose token it is after the change; null: there is no such user. */
  readonly owner: KnownUser | null;
  /** How many tokens of the owner's work now, the one that is changed apart. */
  readonly liveTokens: number;
  readonly policy: Policy;
  readonly now: Date;
}

/** What a token may be used for, and until when. */
export interface Issue {
  readonly scopes: string[];
  readonly expiresAt: string | null;
}

/**
 * The one decision that every change passes which makes a token, gives it a secret, another owner, other scopes or a longer
 * life: creation, edit, refresh, reassignment. A token that the policy has become stricter than goes on working;
 * but nothing gives it more: not another secret, not another day, while its owner or its scopes are not what they may be.
 * Nor does a new secret live longer than the policy lets it: an expiry beyond that, or none, becomes the longest there is.
 * @param before the token as it is; null: a new one
 * @throws Problem of `existingOwner`, `assertMayOwnTokens`, `assertMayCarry`, `expiryFor`; 409 `policy-max-tokens` (S8)
 */
export function issue(wish: Wish, before: IssuedToken | null, facts: IssuingFacts): Issue {
  const { policy, now } = facts;
  const owner = existingOwner(facts);
  const scopes = [...new Set(wish.scopes ?? before?.scopes)];
  const isOwners = before?.status === 'active' && before.userId === owner.id;
  const expiresAt =
    before === null || wish.expiresAt !== undefined
      ? expiryFor(wish.expiresAt, policy, now)
      : wish.newSecret
        ? notBeyond(longestExpiry(policy, now), before.expiresAt)
        : before.expiresAt;
  const gives = before === null || wish.newSecret || !isOwners || isLater(expiresAt, before.expiresAt);
  if (gives) assertMayOwnTokens(owner, policy);
  if (gives || wish.scopes) assertMayCarry(scopes, owner, policy);
  const isCounted = isOwners && works(before, now);
  if (!isCounted && !isExpired(expiresAt, now)) assertOneMore(owner, facts);
  return { scopes, expiresAt };
}

/** @throws Problem 404 `user-not-found` */
export function existingOwner({ owner }: IssuingFacts): KnownUser {
  if (owner === null) throw new Problem('user-not-found', 'There is no such user.');
  return owner;
}

/**
 * Whether a user may own tokens at all.
 * @throws Problem `user-disabled`, `user-never-logged-in` (S16), `policy-owner-roles` (S14), `policy-allow-admin-tokens` (S15)
 */
function assertMayOwnTokens(owner: KnownUser, policy: Policy): void {
  if (owner.disabled) throw new Problem('user-disabled', `${owner.username} is disabled.`, { status: 409 });
  if (policy.requireFirstLogin && owner.kind === 'person' && !owner.hasLoggedIn) {
    throw new Problem('user-never-logged-in', `${owner.username} has never logged in; tokens need one login first.`);
  }
  if (policy.ownerRoles && !owner.roles.some((role) => policy.ownerRoles?.includes(role))) {
    const roles = policy.ownerRoles.join(', ');
    throw new Problem('policy-owner-roles', `Only users with one of these roles may own tokens: ${roles}.`);
  }
  if (!policy.allowAdminTokens && owner.roles.includes('admin')) {
    throw new Problem('policy-allow-admin-tokens', 'Admins may not own tokens here.');
  }
}

/**
 * Whether a user's token may carry these scopes.
 * @throws Problem `scope-reserved`, `policy-scopes`
 */
function assertMayCarry(scopes: readonly string[], owner: KnownUser, policy: Policy): void {
  const reserved = scopes.find(isReserved);
  if (reserved && !owner.roles.includes('admin')) {
    throw new Problem('scope-reserved', `Only a token of an admin may have the scope ${reserved}.`);
  }
  const refused = scopes.find((scope) => !isAllowed(scope, policy.scopes));
  if (refused) {
    throw new Problem('policy-scopes', `The scope ${refused} is not one of: ${policy.scopes?.join(', ')}.`);
  }
}

/** @throws Problem 409 `policy-max-tokens` */
function assertOneMore(owner: KnownUser, { liveTokens, policy }: IssuingFacts): void {
  if (policy.maxTokensPerUser === null || liveTokens < policy.maxTokensPerUser) return;
  throw new Problem('policy-max-tokens', `${owner.username} has ${liveTokens} tokens, as many as one may.`);
}

/**
 * Whether a token, or a session of one, gives no more than it has: what was stolen for one purpose must not help itself to
 * others. Who has entered the password again, or logged in with it, gives what the user may; so does an admin's token.
 * @throws Problem `exceeds-credential`
 */
export function assertNoMoreThan(caller: Caller, scopes: readonly string[]): void {
  if (caller.scopes === null || caller.isAdmin) return;
  const more = scopes.find((scope) => !caller.scopes?.includes(scope));
  if (more) throw new Problem('exceeds-credential', `scopes: the token that asks does not have ${more} itself.`);
}

/**
 * Whether a token, or a session of one, makes nothing last longer than it does now.
 * @throws Problem `exceeds-credential`
 */
export function assertNoLonger(caller: Caller, before: string | null, after: string | null): void {
  if (caller.scopes === null || caller.isAdmin || !isLater(after, before)) return;
  throw new Problem('exceeds-credential', 'expiresAt: a token cannot make itself or another one last longer; log in.');
}

/**
 * The expiry that a token gets: the one asked for, or the policy's default. `undefined`: none was asked for.
 * @throws Problem `expiry-in-the-past` (S9), `policy-max-lifetime`
 */
function expiryFor(asked: string | null | undefined, policy: Policy, now: Date): string | null {
  const { defaultLifetimeDays, maxLifetimeDays } = policy;
  const chosen = asked === undefined && defaultLifetimeDays ? inDays(defaultLifetimeDays, now) : asked;
  const expiresAt = chosen ? new Date(chosen).toISOString() : null;
  if (isExpired(expiresAt, now)) {
    throw new Problem('expiry-in-the-past', 'expiresAt: the expiry must lie in the future.', {
      errors: [{ field: 'expiresAt', detail: 'must lie in the future' }],
    });
  }
  if (isLater(expiresAt, longestExpiry(policy, now))) {
    throw new Problem('policy-max-lifetime', `A token must expire within ${maxLifetimeDays} days.`);
  }
  return expiresAt;
}

/** The latest expiry that the policy allows; null: there is none. */
function longestExpiry({ maxLifetimeDays }: Policy, now: Date): string | null {
  return maxLifetimeDays === null ? null : inDays(maxLifetimeDays, now);
}

function inDays(days: number, now: Date): string {
  return new Date(now.getTime() + days * DAY_MS).toISOString();
}

/** Null is later than any instant: it never comes. */
function isLater(one: string | null, other: string | null): boolean {
  return other !== null && (one === null || Date.parse(one) > Date.parse(other));
}

function notBeyond(limit: string | null, expiresAt: string | null): string | null {
  return isLater(expiresAt, limit) ? limit : expiresAt;
}
