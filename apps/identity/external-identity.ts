import type { EntityManager } from '@mikro-orm/postgresql';
import { LockMode } from '@mikro-orm/postgresql';
import { role, text } from '@tokenlog/contracts/message.js';
import { sqlOf } from '@tokenlog/platform/database.js';
import { Problem } from '@tokenlog/platform/problem.js';
import type { ExternalLoginSettings } from './external-login-settings.js';
import { User } from './user.entity.js';
import { contact } from './user-view.js';

/** Who somebody is at the provider, for good: neither is ever given to another person (OpenID Connect Core, 5.7). */
export interface ExternalIdentity {
  readonly issuer: string;
  readonly subject: string;
}

/** What the provider says of a person at a login. */
export interface ExternalPerson extends ExternalIdentity {
  /** As the claim has it; only a first login needs it, and checks it. */
  readonly username: unknown;
  readonly roles: string[];
  /** Only what the provider tells, in a form that can be stored. */
  readonly contact: { displayName?: string; email?: string };
}

/** At most 255 characters (OpenID Connect Core, 2). */
export const subject = text.min(1).max(255);

type Claims = Readonly<Record<string, unknown>>;

/**
 * Reads a person out of the provider's claims. A role that has no name in Tokenlog's form is left out.
 * @throws Problem 502 `provider-failed` for a subject that is none
 */
export function personOf(claims: Claims & { sub: string }, settings: ExternalLoginSettings): ExternalPerson {
  if (!subject.safeParse(claims.sub).success) {
    throw new Problem(502, 'provider-failed', 'The login provider names nobody: its claim `sub` is not usable.');
  }
  const named = claimAt(claims, settings.rolesClaim);
  const names: unknown[] = typeof named === 'string' ? named.split(/[\s,]+/) : Array.isArray(named) ? named : [];
  const displayName = contact.displayName.safeParse(claims.name).data;
  const email = claims.email_verified === false ? null : contact.email.safeParse(claims.email).data;
  return {
    issuer: settings.issuer.href,
    subject: claims.sub,
    username: claimAt(claims, settings.usernameClaim),
    // In one order, so that the same roles in another one are no change.
    roles: [...new Set(names.filter((name) => role.safeParse(name).success) as string[])].sort(),
    contact: { ...(displayName && { displayName }), ...(email && { email }) },
  };
}

/** A claim by its name, or inside of others as `realm_access.roles`. A name may hold dots itself: it wins. */
function claimAt(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  return name
    .split('.')
    .reduce<unknown>((at, key) => (isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined), claims);
}

function isObject(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null;
}

/**
 * The user of an external identity, locked, or null. Until the transaction ends nobody else gives this identity to a user:
 * of two first logins at once, one registers.
 */
export async function lockExternalUser(em: EntityManager, { issuer, subject }: ExternalIdentity): Promise<User | null> {
  const name = `identity.external ${issuer} ${subject}`;
  await sqlOf(em).query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [name]);
  const identity = { externalIssuer: issuer, externalSubject: subject };
  return em.findOne(User, identity, { lockMode: LockMode.PESSIMISTIC_WRITE });
}
