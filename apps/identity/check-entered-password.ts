import { Injectable } from '@nestjs/common';
import { Problem } from '@tokenlog/platform/problem.js';
import { LoginThrottle } from './login-throttle.js';
import { isPassword } from './passwords.js';
import type { User } from './user.entity.js';

/** What came of a password that somebody entered. */
export type PasswordCheck =
  | { readonly outcome: 'right' }
  | { readonly outcome: 'wrong' }
  | { readonly outcome: 'throttled'; readonly retryAfterSeconds: number };

/** The one place where an entered password is checked: every wrong one counts, wherever it is entered. */
@Injectable()
export class EnteredPassword {
  constructor(private readonly throttle: LoginThrottle) {}

  /** @param user null for an account that does not exist: the same work, and never right */
  async check(user: User | null, username: string, password: string, ip: string | null): Promise<PasswordCheck> {
    const wait = await this.throttle.retryAfter(username, ip);
    if (wait !== null) return { outcome: 'throttled', retryAfterSeconds: wait };

    if (!(await isPassword(user?.passwordHash, password))) {
      await this.throttle.countWrong(username, ip);
      return { outcome: 'wrong' };
    }
    // Guesses sent all at once pass the first look together; a right one among them must not be told from the rest.
    const waitNow = await this.throttle.retryAfter(username, ip);
    if (waitNow !== null) return { outcome: 'throttled', retryAfterSeconds: waitNow };
    await this.throttle.forgetAccount(username);
    return { outcome: 'right' };
  }

  /**
   * Checks the password that a user enters again for something that needs it.
   * @throws Problem 409 `no-local-password`, 403 `wrong-password`, 429 `too-many-attempts`
   */
  async require(user: User, password: string, ip: string | null): Promise<void> {
    if (user.passwordHash === null) {
      throw new Problem(
        409,
        'no-local-password',
        'This account has no local password; the help desk or an admin can set one.',
      );
    }
    const check = await this.check(user, user.username, password, ip);
    if (check.outcome === 'throttled') throw tooManyAttempts(check.retryAfterSeconds);
    if (check.outcome === 'wrong')
      throw new Problem(403, 'wrong-password', 'The password entered for this account is wrong.');
  }
}

/** 429 with `Retry-After` in seconds. */
export function tooManyAttempts(retryAfterSeconds: number): Problem {
  return new Problem(429, 'too-many-attempts', `Too many wrong passwords; try again in ${retryAfterSeconds} s.`, {
    headers: { 'Retry-After': String(retryAfterSeconds) },
  });
}
