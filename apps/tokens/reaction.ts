import type { ICommand } from '@nestjs/cqrs';
import type { IdentityEvent } from '@tokenlog/contracts/identity/identity-events.js';
import { InvalidateTokensWhenUserDeleted } from './invalidate-tokens-when-user-deleted.js';
import { LearnUser } from './learn-user.js';
import { RevokeTokensWhenPasswordChanges } from './revoke-tokens-when-password-changes.js';

/**
 * What follows here from each of identity's events: one command each, one transaction. Each takes over the user's facts
 * and does the rest only if they were news, so that an event that comes twice, or a whole stream again, changes nothing.
 */
export function reactionTo(event: IdentityEvent): ICommand {
  switch (event.type) {
    case 'user-registered':
    case 'user-changed':
    case 'user-logged-in':
      return new LearnUser({ userId: event.userId, version: event.version, facts: event.user });
    case 'password-changed':
      return new RevokeTokensWhenPasswordChanges(event);
    case 'user-deleted':
      return new InvalidateTokensWhenUserDeleted(event);
    default:
      return event satisfies never;
  }
}
