import type { IdentityEvent } from '@tokenlog/contracts/identity/identity-events.js';
import type { PasswordChanged } from '@tokenlog/contracts/identity/password-changed.js';
import type { Work } from '@tokenlog/event-store/event-store.js';
import type { Policy } from '../config/policy.js';
import { learnUsers } from '../session/learn-users.js';
import { causedBy } from '../user/caller.js';
import type { UserChange } from '../user/users.js';
import { invalidateTokensWhenUserDeleted } from './invalidate-tokens-when-user-deleted.js';
import { revokeTokensWhenPasswordChanges } from './revoke-tokens-when-password-changes.js';

/** An event, and the epoch of identity's log that it is of. */
export interface EventOfEpoch {
  readonly event: IdentityEvent;
  readonly epoch: number;
}

/**
 * What follows here from identity's events, in their order. Each takes over the user's facts, and does the rest only once, so
 * that an event that comes twice, or a whole stream again, changes nothing. Whatever their number, the statements are the same
 * few: who has been away catches up at thousands a second. No user's tokens may be touched by more than one of them.
 */
export async function react(work: Work, events: readonly EventOfEpoch[], policy: Policy): Promise<void> {
  const news = await learnUsers(
    work,
    events.map(({ event, epoch }) => ({ ...changeOf(event, epoch), metadata: causedBy(event) })),
  );
  await revokeTokensWhenPasswordChanges(work, events.filter(isPasswordChange), policy);
  await invalidateTokensWhenUserDeleted(
    work,
    news.filter((change) => 'deletedUsername' in change),
  );
}

/** What an event says of its user. */
function changeOf(event: IdentityEvent, epoch: number): UserChange {
  const { userId, version } = event;
  switch (event.type) {
    case 'user-registered':
    case 'user-changed':
    case 'user-logged-in':
    case 'password-changed':
      return { userId, epoch, version, facts: event.user };
    case 'user-deleted':
      return { userId, epoch, version, deletedUsername: event.username };
    default:
      return event satisfies never;
  }
}

function isPasswordChange(due: EventOfEpoch): due is EventOfEpoch & { readonly event: PasswordChanged } {
  return due.event.type === 'password-changed';
}

/** Whether more may follow from an event than that the user's facts are known: what follows is decided on what stands in the log. */
export function touchesTokens({ type }: IdentityEvent): boolean {
  return type !== 'user-registered' && type !== 'user-logged-in';
}
