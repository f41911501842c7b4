import type { IdentityEvent } from '@tokenlog/contracts/identity/identity-events.js';
import type { Work } from '@tokenlog/event-store/event-store.js';
import { causedBy } from './caller.js';
import { invalidateTokensWhenUserDeleted } from './invalidate-tokens-when-user-deleted.js';
import type { Policy } from './policy.js';
import { revokeTokensWhenPasswordChanges } from './revoke-tokens-when-password-changes.js';
import { learnUser } from './users.js';

/**
 * What follows here from each of identity's events. Each takes over the user's facts, and does the rest only once, so that an
 * event that comes twice, or a whole stream again, changes nothing.
 */
export async function react(work: Work, event: IdentityEvent, epoch: number, policy: Policy): Promise<void> {
  const { userId, version } = event;
  switch (event.type) {
    case 'user-registered':
    case 'user-changed':
    case 'user-logged-in':
      await learnUser(work, { userId, epoch, version, facts: event.user }, causedBy(event));
      return;
    case 'password-changed':
      return revokeTokensWhenPasswordChanges(work, event, epoch, policy);
    case 'user-deleted':
      await invalidateTokensWhenUserDeleted(
        work,
        { userId, epoch, version, username: event.username },
        causedBy(event),
      );
      return;
    default:
      return event satisfies never;
  }
}

/** Whether more may follow from an event than that the user's facts are known: what follows is decided on what stands in the log. */
export function touchesTokens({ type }: IdentityEvent): boolean {
  return type !== 'user-registered' && type !== 'user-logged-in';
}
