import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { named } from '@tokenlog/contracts/named.js';
import { IfMatch } from '@tokenlog/platform/if-match.js';
import { z } from 'zod';
import type { User } from './user.entity.js';
import { userTag } from './user-tag.js';
import { contact, ownView } from './user-view.js';
import { lockUser, Users } from './users.js';

const changeable = z.object(contact).partial();
/** As bodies have it: who one is may be sent back as it was read. */
export const profileChanges = named(
  'ProfileChanges',
  z.strictObject({
    ...changeable.shape,
    contact: z.strictObject(changeable.shape).optional(),
    user: z.strictObject(ownView.shape.user.partial().shape).optional(),
  }),
  { displayName: 'Ada King', phone: null },
);

/** Users change how they can be reached. Nobody else needs to know: no event. Fails with 404 `user-not-found`. */
export class UpdateProfile extends Command<{ user: User }> {
  constructor(
    readonly userId: string,
    readonly changes: z.output<typeof changeable>,
    readonly ifMatch = IfMatch.none,
  ) {
    super();
  }
}

@CommandHandler(UpdateProfile)
export class UpdateProfileHandler implements ICommandHandler<UpdateProfile> {
  constructor(private readonly users: Users) {}

  execute({ userId, changes, ifMatch }: UpdateProfile) {
    return this.users.transact(async (em) => {
      const user = await lockUser(em, userId);
      ifMatch.assertHolds(userTag(user));
      em.assign(user, changes);
      return { user };
    });
  }
}
