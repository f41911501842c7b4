import { Injectable } from '@nestjs/common';
import { hasOwnForm } from '@tokenlog/contracts/credential.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { isPassword } from '../user/passwords.js';
import type { User } from '../user/user.entity.js';
import { LoginAddresses } from './login-addresses.js';
import { countPasswordCheck } from './login-metrics.js';
import { LoginThrottle } from './login-throttle.js';

/** What came of a password that somebody entered. */
export type PasswordCheck =
  | { readonly outcome: 'right' }
  | { readonly outcome: 'wrong' }
  | { readonly outcome: 'throttled'; readonly retryAfterSeconds: number };

/** The text was no password, and right in another way. */
export interface OtherwiseRight<Found> {
  readonly outcome: 'otherwise';
  readonly found: Found;
}

/** The one place where an entered password is checked: every try counts before it is made, wherever it is entered. */
@Injectable()
export class EnteredPassword {
  constructor(
    private readonly throttle: LoginThrottle,
    private readonly addresses: LoginAddresses,
  ) {}

  async check(user: User | null, username: string, password: string, ip: string | null): Promise<PasswordCheck>;
  async check<Found>(
    user: User | null,
    username: string,
    password: string,
    ip: string | null,
    otherwise: () => Promise<Found | null>,
  ): Promise<PasswordCheck | OtherwiseRight<Found>>;
  /**
   * @param user null for an account that does not exist: the same work, and never right
   * @param otherwise what else the text may be; asked where it is not the password, or must not be tried as one. What it finds
   *   is no wrong password
   */
  async check<Found>(
    user: User | null,
    username: string,
    password: string,
    ip: string | null,
    otherwise: () => Promise<Found | null> = async () => null,
  ): Promise<PasswordCheck | OtherwiseRight<Found>> {
    return countPasswordCheck(this.decide(user, username, password, ip, otherwise));
  }

  private async decide<Found>(
    user: User | null,
    username: string,
    password: string,
    ip: string | null,
    otherwise: () => Promise<Found | null>,
  ): Promise<PasswordCheck | OtherwiseRight<Found>> {
    const isKnown = ip !== null && (await this.addresses.knows(user?.id ?? null, ip));
    // A token that was mistyped or cut is no guess at the password, and must not close the account. Nor must it be a way to
    // guess one that looks like a token, which an account may have: such tries are bounded by themselves, without a word.
    const kind = hasOwnForm(password) ? 'token-text' : 'password';
    const turn = await this.throttle.enter({ account: user?.username ?? username, ip, isKnown, kind });
    if (!turn.granted) {
      const found = await otherwise();
      if (found !== null) return { outcome: 'otherwise', found };
      return kind === 'token-text'
        ? { outcome: 'wrong' }
        : { outcome: 'throttled', retryAfterSeconds: turn.retryAfterSeconds };
    }
    let isRight = false;
    try {
      isRight = await isPassword(user?.passwordHash, password);
      if (isRight) {
        if (user && ip !== null) await this.addresses.remember(user.id, ip);
        return { outcome: 'right' };
      }
      const found = await otherwise();
      isRight = found !== null;
      return found === null ? { outcome: 'wrong' } : { outcome: 'otherwise', found };
    } finally {
      if (isRight) await turn.right();
      else turn.wrong();
    }
  }

  /**
   * Checks the password that a user enters again for something that needs it.
   * @throws Problem 409 `no-local-password`, 403 `wrong-password`, 429 `too-many-attempts`
   */
  async require(user: User, password: string, ip: string | null): Promise<void> {
    if (user.passwordHash === null) {
      throw new Problem(
        'no-local-password',
        'This account has no local password; the help desk or an admin can set one.',
      );
    }
    const check = await this.check(user, user.username, password, ip);
    if (check.outcome === 'throttled') throw tooManyAttempts(check.retryAfterSeconds);
    if (check.outcome === 'wrong')
      throw new Problem('wrong-password', 'The password entered for this account is wrong.');
  }
}

/** 429 with `Retry-After` in seconds. */
export function tooManyAttempts(retryAfterSeconds: number): Problem {
  return new Problem('too-many-attempts', `Too many wrong passwords; try again in ${retryAfterSeconds} s.`, {
    retryAfterSeconds,
  });
}
