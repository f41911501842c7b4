import { Problem } from '@tokenlog/platform/problem.js';
import type { Caller } from './caller.js';
import type { Policy } from './policy.js';
import { isExpired } from './token.js';
import type { KnownUser } from './users.js';

const RESERVED = ['admin', 'introspect'];
const DAY_MS = 86_400_000;

/**
 * Whether a user may own tokens at all.
 * @throws Problem `user-disabled`, `user-never-logged-in` (S16), `policy-owner-roles` (S14), `policy-allow-admin-tokens` (S15)
 */
export function assertMayOwnTokens(owner: KnownUser, policy: Policy): void {
  if (owner.disabled) throw new Problem(409, 'user-disabled', `${owner.username} is disabled.`);
  if (policy.requireFirstLogin && owner.kind === 'person' && !owner.hasLoggedIn) {
    throw new Problem(
      409,
      'user-never-logged-in',
      `${owner.username} has never logged in; tokens need one login first.`,
    );
  }
  if (policy.ownerRoles && !owner.roles.some((role) => policy.ownerRoles?.includes(role))) {
    const roles = policy.ownerRoles.join(', ');
    throw new Problem(403, 'policy-owner-roles', `Only users with one of these roles may own tokens: ${roles}.`);
  }
  if (!policy.allowAdminTokens && owner.roles.includes('admin')) {
    throw new Problem(403, 'policy-allow-admin-tokens', 'Admins may not own tokens here.');
  }
}

/**
 * Whether a user's token may carry these scopes.
 * @throws Problem `scope-reserved`, `policy-scopes`
 */
export function assertMayCarry(scopes: readonly string[], owner: KnownUser, policy: Policy): void {
  const reserved = scopes.find((scope) => RESERVED.includes(scope));
  if (reserved && !owner.roles.includes('admin')) {
    throw new Problem(403, 'scope-reserved', `Only a token of an admin may have the scope ${reserved}.`);
  }
  const refused = scopes.find((scope) => (!policy.scopes || policy.scopes.includes(scope) ? false : !isOwn(scope)));
  if (refused) {
    throw new Problem(403, 'policy-scopes', `The scope ${refused} is not one of: ${policy.scopes?.join(', ')}.`);
  }
}

/** Tokenlog's own scopes are there whatever the policy lists. */
function isOwn(scope: string): boolean {
  return scope === 'tokens' || RESERVED.includes(scope);
}

/**
 * Whether a token, or a session of one, gives no more than it has: what was stolen for one purpose must not help itself to
 * others. Who has entered the password again, or logged in with it, gives what the user may; so does an admin's token.
 * @throws Problem `exceeds-credential`
 */
export function assertNoMoreThan(caller: Caller, scopes: readonly string[]): void {
  if (caller.scopes === null || caller.isAdmin) return;
  const more = scopes.find((scope) => !caller.scopes?.includes(scope));
  if (more) throw new Problem(403, 'exceeds-credential', `scopes: the token that asks does not have ${more} itself.`);
}

/**
 * Whether a token, or a session of one, makes nothing last longer than it does now.
 * @throws Problem `exceeds-credential`
 */
export function assertNoLonger(caller: Caller, before: string | null, after: string | null): void {
  if (
    caller.scopes === null ||
    caller.isAdmin ||
    before === null ||
    (after !== null && Date.parse(after) <= Date.parse(before))
  )
    return;
  throw new Problem(
    403,
    'exceeds-credential',
    'expiresAt: a token cannot make itself or another one last longer; log in.',
  );
}

/**
 * The expiry that a token gets: the one asked for, or the policy's default. `undefined`: none was asked for.
 * @throws Problem `expiry-in-the-past` (S9), `policy-max-lifetime`
 */
export function expiryFor(asked: string | null | undefined, policy: Policy, now: Date): string | null {
  const { defaultLifetimeDays, maxLifetimeDays } = policy;
  const chosen =
    asked === undefined && defaultLifetimeDays ? new Date(now.getTime() + defaultLifetimeDays * DAY_MS) : asked;
  const expiresAt = chosen ? new Date(chosen).toISOString() : null;
  if (isExpired(expiresAt, now)) {
    throw new Problem(400, 'expiry-in-the-past', 'expiresAt: the expiry must lie in the future.', {
      errors: [{ field: 'expiresAt', detail: 'must lie in the future' }],
    });
  }
  if (maxLifetimeDays && (!expiresAt || Date.parse(expiresAt) > now.getTime() + maxLifetimeDays * DAY_MS)) {
    throw new Problem(403, 'policy-max-lifetime', `A token must expire within ${maxLifetimeDays} days.`);
  }
  return expiresAt;
}
