import { z } from 'zod';

/**
 * Names that a service or user of Tokenlog itself goes by, in histories and in `nats-server.conf`; `guard-next` is the shared
 * user while its password changes.
 */
const RESERVED = ['console', 'guard', 'identity', 'next', 'observer', 'shared', 'tokenlog', 'tokens'];

const USER_PREFIX = 'guard-';

/**
 * The name of a guarded service that has a NATS user of its own: what it is called in histories, and a part of the subjects
 * that only its user may publish to.
 */
export const guardName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,30}$/, 'a name is 1 to 31 of a-z 0-9 - and begins with a letter or digit')
  .refine((name) => !RESERVED.includes(name), 'this name is reserved');

/** The NATS user of the guard of this name; its inboxes are `_INBOX_<user>.>`. */
export function guardUser(name: string): string {
  return `${USER_PREFIX}${name}`;
}

/** The name that a NATS user stands for; `null`: the user that guards share, or none of a guard. */
export function guardNameOf(user: string): string | null {
  const name = user.startsWith(USER_PREFIX) ? user.slice(USER_PREFIX.length) : '';
  return guardName.safeParse(name).success ? name : null;
}

/**
 * The subject that a guard says something on: under its name, where it has one (`tokens.guard.heartbeat` is
 * `tokens.guard.<name>.heartbeat` then, and `tokens.verify` is `tokens.verify.<name>`).
 */
export function subjectOfGuard(subject: string, name: string | null): string {
  if (name === null) return subject;
  return subject.startsWith(GUARD_SUBJECTS)
    ? `${GUARD_SUBJECTS}${name}.${subject.slice(GUARD_SUBJECTS.length)}`
    : `${subject}.${name}`;
}

/** What `subjectOfGuard` makes for any name, for whoever listens. */
export function subjectsOfGuards(subject: string): string {
  return subjectOfGuard(subject, '*');
}

/** The name under which something was said on a subject; `null`: under none. The server lets nobody use another's. */
export function guardNameIn(subject: string): string | null {
  const [, ofGuard, first, second] = subject.split('.');
  if (ofGuard === 'guard') return second === undefined ? null : (first ?? null);
  return first ?? null;
}

const GUARD_SUBJECTS = 'tokens.guard.';
