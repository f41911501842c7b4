import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { named } from '@tokenlog/contracts/named.js';
import { IfMatch } from '@tokenlog/platform/if-match.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { z } from 'zod';
import { hashPassword } from '../user/passwords.js';
import { factsOf, recordUserEvent } from '../user/record-user-event.js';
import { applicationUser } from '../user/register-user.js';
import type { User } from '../user/user.entity.js';
import { userTag } from '../user/user-tag.js';
import { enteredPassword, newPassword } from '../user/user-view.js';
import { lockUser, Users } from '../user/users.js';
import { EnteredPassword } from './check-entered-password.js';

export const passwordToSet = named('PasswordToSet', z.strictObject({ actorPassword: enteredPassword, newPassword }), {
  actorPassword: 'my own password',
  newPassword: 'one for the first login',
});

/**
 * The help desk, or an admin, sets somebody's first or lost password, entering their own (S12). The user must change it.
 * Fails with 403 `wrong-password` or `admin-account`, 404, 409 `no-local-password`, `application-user` or `own-account`, 429.
 */
export class SetPassword extends Command<{ eventId: string }> {
  constructor(
    readonly userId: string,
    readonly passwords: z.output<typeof passwordToSet>,
    readonly actor: { readonly id: string; readonly username: string; readonly roles: readonly string[] },
    readonly ip: string | null,
    readonly ifMatch = IfMatch.none,
  ) {
    super();
  }
}

@CommandHandler(SetPassword)
export class SetPasswordHandler implements ICommandHandler<SetPassword> {
  constructor(
    private readonly users: Users,
    private readonly entered: EnteredPassword,
  ) {}

  async execute({ userId, passwords, actor, ip, ifMatch }: SetPassword) {
    decideSetPassword(await this.users.get(userId), actor);
    await this.entered.require(await this.users.get(actor.id), passwords.actorPassword, ip);
    const passwordHash = await hashPassword(passwords.newPassword);
    return this.users.transact(async (em) => {
      const user = await lockUser(em, userId);
      ifMatch.assertHolds(userTag(user));
      decideSetPassword(user, actor);
      user.passwordHash = passwordHash;
      user.mustChangePassword = true;
      const data = { user: factsOf(user), tokens: null, exceptSessionId: null };
      const by = { kind: 'user' as const, id: actor.id, username: actor.username };
      return { eventId: await recordUserEvent(em, user, { type: 'password-changed', data }, { by, ip }) };
    });
  }
}

/** Who may set whose password: everybody below admin, by the help desk; one's own by giving the current one. */
export function decideSetPassword(user: Pick<User, 'id' | 'kind' | 'roles'>, actor: SetPassword['actor']): void {
  if (user.kind === 'application') throw applicationUser();
  if (user.id === actor.id) {
    throw new Problem('own-account', 'This is your own account: PUT /me/password changes its password.');
  }
  if (user.roles.includes('admin') && !actor.roles.includes('admin')) {
    throw new Problem('admin-account', 'Only an admin may set the password of an admin.');
  }
}
