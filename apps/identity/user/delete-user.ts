import type { EntityManager } from '@mikro-orm/postgresql';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { Metadata } from '@tokenlog/event-store/event.js';
import { IfMatch } from '@tokenlog/platform/if-match.js';
import { keepOneAdmin } from './keep-one-admin.js';
import { recordUserEvent } from './record-user-event.js';
import type { User } from './user.entity.js';
import { userTag } from './user-tag.js';
import { countOtherAdmins, lockAdmins, lockUser, Users } from './users.js';

/**
 * Erases a user: contact data and password are gone with the row; the log keeps the id and the account name (S30).
 * Fails with 404 `user-not-found` or 409 `last-admin`.
 */
export class DeleteUser extends Command<{ eventId: string }> {
  constructor(
    readonly userId: string,
    readonly metadata: Metadata,
    readonly ifMatch = IfMatch.none,
  ) {
    super();
  }
}

@CommandHandler(DeleteUser)
export class DeleteUserHandler implements ICommandHandler<DeleteUser> {
  constructor(private readonly users: Users) {}

  execute({ userId, metadata, ifMatch }: DeleteUser) {
    return this.users.transact(async (em) => {
      await lockAdmins(em);
      const user = await lockUser(em, userId);
      ifMatch.assertHolds(userTag(user));
      keepOneAdmin(user, null, await countOtherAdmins(em, user));
      return { eventId: await eraseUser(em, user, metadata) };
    });
  }
}

/** Takes the row away and says so, in one transaction. @returns the event's id */
export async function eraseUser(em: EntityManager, user: User, metadata: Metadata): Promise<string> {
  const { username } = user;
  const eventId = await recordUserEvent(em, user, { type: 'user-deleted', data: { username } }, metadata);
  em.remove(user);
  return eventId;
}
