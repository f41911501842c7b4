import type { EntityManager } from '@mikro-orm/postgresql';
import { LockMode } from '@mikro-orm/postgresql';
import { Logger } from '@nestjs/common';
import { role, text } from '@tokenlog/contracts/message.js';
import { sqlOf } from '@tokenlog/platform/database.js';
import { Problem } from '@tokenlog/platform/problem.js';
import type { ExternalLoginSettings } from '../config/external-login-settings.js';
import { User } from './user.entity.js';
import { contact, MOST_ROLES } from './user-view.js';

const logger = new Logger('ExternalLogin');

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

/** Roles that mean something to Tokenlog itself: they are not those that are too many. */
const OWN_ROLES = ['admin', 'helpdesk', 'auditor'];

/**
 * Reads a person out of the provider's claims, each by the types that providers send. A role that has no name in Tokenlog's form
 * is left out, and so are those beyond `MOST_ROLES`, in the order of their names, which the log tells.
 * @throws Problem 502 `provider-failed` for a subject that is none
 */
export function personOf(claims: Claims & { sub: string }, settings: ExternalLoginSettings): ExternalPerson {
  if (!subject.safeParse(claims.sub).success) {
    throw new Problem('provider-failed', 'The login provider names nobody: its claim `sub` is not usable.');
  }
  const displayName = contact.displayName.safeParse(claims.name).data;
  const email = isUnverified(claims) ? null : contact.email.safeParse(claims.email).data;
  return {
    issuer: settings.issuer.href,
    subject: claims.sub,
    username: textOf(claimAt(claims, settings.usernameClaim)),
    roles: rolesOf(claimAt(claims, settings.rolesClaim), claims.sub),
    contact: { ...(displayName && { displayName }), ...(email && { email }) },
  };
}

/** A list; or a text with commas, blanks or, as Cognito writes lists, brackets between the names. */
function rolesOf(claim: unknown, subject: string): string[] {
  const names: unknown[] = typeof claim === 'string' ? claim.split(/[\s,;"[\]]+/) : Array.isArray(claim) ? claim : [];
  // In one order, so that the same roles in another one are no change.
  const all = [...new Set(names.filter((name) => role.safeParse(name).success) as string[])].sort();
  if (all.length <= MOST_ROLES) return all;
  logger.warn(
    `OIDC_ROLES_CLAIM: the provider tells ${all.length} roles of ${JSON.stringify(subject)}; no more than ${MOST_ROLES} are taken over. ` +
      'Let it tell only those that are meant for Tokenlog and what it guards.',
  );
  const own = all.filter((name) => OWN_ROLES.includes(name));
  const others = all.filter((name) => !OWN_ROLES.includes(name));
  return [...own, ...others].slice(0, MOST_ROLES).sort();
}

/** What is said of the address at all must be yes; `"true"`, as Cognito and others write it, is. */
function isUnverified({ email_verified: verified }: Claims): boolean {
  return verified !== undefined && verified !== true && String(verified).toLowerCase() !== 'true';
}

/** Account names of some providers are numbers. */
function textOf(claim: unknown): unknown {
  return Number.isSafeInteger(claim) ? String(claim) : claim;
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
