import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable } from '@nestjs/common';
import { checkPassword } from '@tokenlog/contracts/internal/check-password.js';
import { NATS } from '@tokenlog/platform/nats.js';
import { request } from '@tokenlog/platform/nats-request.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { CONFIG, type Config } from '../config/config.js';
import type { GuardedAction } from '../config/policy.js';
import type { Caller } from '../user/caller.js';

/** Asks identity about a password that the acting user entered again (S11). */
@Injectable()
export class ReenteredPassword {
  constructor(
    @Inject(NATS) private readonly nats: NatsConnection,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * Passes when the policy asks for no password here, or when it is right.
   * @throws Problem 403 `password-required`, `wrong-password`; 409 `no-local-password`; 429 `too-many-attempts`; 503
   */
  async require(action: GuardedAction, caller: Caller, password: string | undefined): Promise<void> {
    if (!this.config.policy.requirePassword.includes(action)) return;
    if (password === undefined) {
      throw new Problem('password-required', `password: enter your own password again to ${action} a token.`);
    }
    const reply = await request(this.nats, checkPassword, { userId: caller.id, password, ip: caller.ip });
    switch (reply.outcome) {
      case 'right':
        return;
      case 'wrong':
        throw new Problem('wrong-password', 'password: that is not your password.');
      case 'no-local-password':
        throw new Problem(
          'no-local-password',
          `You have no local password, which is needed to ${action} a token. The help desk can set one.`,
        );
      case 'throttled':
        throw new Problem('too-many-attempts', `Too many wrong passwords; try again in ${reply.retryAfterSeconds} s.`, {
          retryAfterSeconds: reply.retryAfterSeconds,
        });
      default:
        return reply satisfies never;
    }
  }
}
