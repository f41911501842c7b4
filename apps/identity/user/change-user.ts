import { isDeepStrictEqual } from 'node:util';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { role } from '@tokenlog/contracts/message.js';
import { named } from '@tokenlog/contracts/named.js';
import type { Metadata } from '@tokenlog/event-store/event.js';
import { IfMatch } from '@tokenlog/platform/if-match.js';
import { invalidRequest } from '@tokenlog/platform/problem.js';
import { wrongFields } from '@tokenlog/platform/wrong-fields.js';
import { z } from 'zod';
import { keepOneAdmin } from './keep-one-admin.js';
import { factsOf, recordUserEvent } from './record-user-event.js';
import type { User } from './user.entity.js';
import { userTag } from './user-tag.js';
import { contact, organization, roles, userView } from './user-view.js';
import { countOtherAdmins, lockAdmins, lockUser, Users } from './users.js';

/** What an admin may change of a user. */
export const changeable = z.object({ ...contact, organization, roles: z.array(role), disabled: z.boolean() }).partial();
export type UserChanges = z.output<typeof changeable>;
/** As bodies have it: a user may be sent back as it was read. What is left out stays. */
export const userChanges = named('UserChanges', z.strictObject({ ...userView.partial().shape, ...changeable.shape }), {
  roles: ['operator', 'helpdesk'],
});
export const CHANGEABLE = {
  writable: ['displayName', 'email', 'phone', 'organization', 'roles', 'disabled'],
  moving: ['lastLoginAt'],
} as const;

/**
 * Changes a user. Only what others may know of it, roles and whether it is disabled, makes an event.
 * Fails with 404 `user-not-found` or 409 `last-admin`.
 */
export class ChangeUser extends Command<{ user: User; eventId: string | null }> {
  constructor(
    readonly userId: string,
    readonly changes: UserChanges,
    readonly metadata: Metadata,
    readonly ifMatch = IfMatch.none,
  ) {
    super();
  }
}

@CommandHandler(ChangeUser)
export class ChangeUserHandler implements ICommandHandler<ChangeUser> {
  constructor(private readonly users: Users) {}

  execute({ userId, changes, metadata, ifMatch }: ChangeUser) {
    return this.users.transact(async (em) => {
      await lockAdmins(em);
      const user = await lockUser(em, userId);
      ifMatch.assertHolds(userTag(user));
      keepOneAdmin(user, { ...user, ...changes }, await countOtherAdmins(em, user));
      const before = factsOf(user);
      em.assign(user, { ...changes, ...(changes.roles && { roles: rolesFrom(changes.roles, user.roles) }) });
      const after = factsOf(user);
      if (isDeepStrictEqual(before, after)) return { user, eventId: null };
      const eventId = await recordUserEvent(em, user, { type: 'user-changed', data: { user: after } }, metadata);
      return { user, eventId };
    });
  }
}

/** Roles as they are wished for; those of before there was a bound may stay as they are. */
function rolesFrom(wished: readonly string[], held: readonly string[]): string[] {
  if (isDeepStrictEqual(wished, held)) return [...held];
  const read = roles.safeParse(wished);
  if (read.success) return read.data;
  throw invalidRequest(wrongFields(read.error.issues, 'roles', ['roles']));
}
