import type { EntityManager } from '@mikro-orm/postgresql';
import type { identityEvents } from '@tokenlog/contracts/identity/identity-events.js';
import type { UserFacts } from '@tokenlog/contracts/identity/user-facts.js';
import type { StoredEvent } from '@tokenlog/contracts/message.js';
import { append } from '@tokenlog/event-store/append.js';
import type { Metadata } from '@tokenlog/event-store/event.js';
import { sqlOf } from '@tokenlog/platform/database.js';
import type { User } from './user.entity.js';

/** What the log holds of a published event; the rest of it is in the event's own columns. */
export type UserEvent = StoredEvent<(typeof identityEvents)[number], 'userId'>;

/** What other services may know of a user. */
export function factsOf(user: User): UserFacts {
  return {
    username: user.username,
    kind: user.kind,
    roles: user.roles,
    disabled: user.disabled,
    hasPassword: user.passwordHash !== null,
    mustChangePassword: user.mustChangePassword,
    hasLoggedIn: user.lastLoginAt !== null,
  };
}

/**
 * Appends an event to the user's stream in the transaction that changes the user, and moves the user's version.
 * @returns the event's id, under which the token service says that it has applied it
 * @throws ConcurrencyError when the user was changed without being locked
 */
export async function recordUserEvent(
  em: EntityManager,
  user: User,
  event: UserEvent,
  metadata: Metadata,
): Promise<string> {
  const appends = {
    stream: `user-${user.id}`,
    entity: user.id,
    expectedVersion: user.version,
    events: [event],
    metadata,
  };
  const [recorded] = await append(sqlOf(em), [appends]);
  if (!recorded) throw new Error('nothing was appended');
  user.version = recorded.version;
  return recorded.id;
}
