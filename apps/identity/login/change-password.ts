import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { type PasswordChangeEffect, passwordChangeEffect } from '@tokenlog/contracts/identity/password-changed.js';
import { named } from '@tokenlog/contracts/named.js';
import type { ActiveReply } from '@tokenlog/contracts/tokens/verify.js';
import type { Metadata } from '@tokenlog/event-store/event.js';
import { IfMatch } from '@tokenlog/platform/if-match.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { z } from 'zod';
import { hashPassword } from '../user/passwords.js';
import { factsOf, recordUserEvent } from '../user/record-user-event.js';
import { userTag } from '../user/user-tag.js';
import { enteredPassword, newPassword } from '../user/user-view.js';
import { lockUser, Users } from '../user/users.js';
import { EnteredPassword } from './check-entered-password.js';

export const passwordChange = named(
  'PasswordChange',
  z.strictObject({
    currentPassword: enteredPassword,
    newPassword,
    /** What becomes of the user's tokens and sessions this once, instead of the policy (S43). */
    tokens: passwordChangeEffect.optional(),
  }),
  { currentPassword: 'the password so far', newPassword: 'another one of mine' },
);

/**
 * Sets a new password, giving the current one (S13).
 * Fails with 403 `token-session` or `wrong-password`, 409 `no-local-password`, 400 `password-unchanged`, 429.
 */
export class ChangePassword extends Command<{ eventId: string }> {
  constructor(
    readonly authentication: Pick<ActiveReply, 'kind' | 'user' | 'session'>,
    readonly change: { currentPassword: string; newPassword: string; tokens?: PasswordChangeEffect },
    readonly metadata: Metadata & { ip: string | null },
    readonly ifMatch = IfMatch.none,
  ) {
    super();
  }
}

@CommandHandler(ChangePassword)
export class ChangePasswordHandler implements ICommandHandler<ChangePassword> {
  constructor(
    private readonly users: Users,
    private readonly entered: EnteredPassword,
  ) {}

  async execute({ authentication, change, metadata, ifMatch }: ChangePassword) {
    refuseTokenSession(authentication);
    const before = await this.users.get(authentication.user.id);
    await this.entered.require(before, change.currentPassword, metadata.ip);
    if (change.newPassword === change.currentPassword) {
      throw new Problem('password-unchanged', 'The new password is the current one.');
    }
    const passwordHash = await hashPassword(change.newPassword);
    return this.users.transact(async (em) => {
      const user = await lockUser(em, before.id);
      ifMatch.assertHolds(userTag(user));
      // What was checked must still hold: somebody else may have set the password meanwhile.
      if (user.passwordHash !== before.passwordHash) {
        throw new Problem('password-just-changed', 'The password was changed by somebody else at the same time.');
      }
      user.passwordHash = passwordHash;
      user.mustChangePassword = false;
      const data = {
        user: factsOf(user),
        tokens: change.tokens ?? null,
        exceptSessionId: authentication.session?.id ?? null,
      };
      return { eventId: await recordUserEvent(em, user, { type: 'password-changed', data }, metadata) };
    });
  }
}

/**
 * S27: a token, or a session that was started with one, is not enough to take the account over; an admin's is.
 * @throws Problem 403 `token-session`
 */
export function refuseTokenSession({ session, user }: Pick<ActiveReply, 'user' | 'session'>): void {
  if (session?.startedWith === 'password' || user.roles.includes('admin')) return;
  throw new Problem('token-session', 'The password can only be changed in a session that was started with it.');
}
