import type { NatsConnection } from '@nats-io/transport-node';
import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { parseCredential } from '@tokenlog/contracts/credential.js';
import { startSession } from '@tokenlog/contracts/internal/start-session.js';
import { text } from '@tokenlog/contracts/message.js';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { NATS } from '@tokenlog/platform/nats.js';
import { request } from '@tokenlog/platform/nats-request.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { z } from 'zod';
import { EnteredPassword, tooManyAttempts } from './check-entered-password.js';
import { type Login, startLoginSession, userDisabled } from './login-session.js';
import { factsOf, recordUserEvent } from './record-user-event.js';
import type { User } from './user.entity.js';
import { enteredPassword } from './user-view.js';
import { lockUser, Users } from './users.js';

export const loginBody = z.strictObject({ username: text.min(1).max(256), password: enteredPassword });

/**
 * Starts a session with a password, or with a token in its place (S4).
 * Fails with 401 `wrong-credentials`, which does not tell what was wrong, 403 `user-disabled` once the password was right,
 * 429 `too-many-attempts`, and 503 while the token service is away.
 */
export class LogIn extends Command<Login> {
  constructor(
    readonly username: string,
    readonly password: string,
    readonly ip: string | null,
  ) {
    super();
  }
}

@CommandHandler(LogIn)
export class LogInHandler implements ICommandHandler<LogIn> {
  constructor(
    private readonly users: Users,
    private readonly entered: EnteredPassword,
    private readonly store: EventStore,
    @Inject(NATS) private readonly nats: NatsConnection,
  ) {}

  execute(command: LogIn): Promise<Login> {
    return parseCredential(command.password)?.prefix === 'tkl' ? this.withToken(command) : this.withPassword(command);
  }

  private async withToken({ username, password: credential, ip }: LogIn): Promise<Login> {
    // S42: a program has tokens and no login.
    if ((await this.users.findByUsername(username))?.kind === 'application') throw wrongCredentials();
    const reply = await request(this.nats, startSession, { with: 'token', credential, username, ip });
    if (!reply.started) throw wrongCredentials();
    const user = await this.users.find(reply.userId);
    if (!user) throw wrongCredentials();
    return { session: { credential: reply.credential, expiresAt: reply.expiresAt }, user };
  }

  private async withPassword({ username, password, ip }: LogIn): Promise<Login> {
    const found = await this.users.findByUsername(username);
    const check = await this.entered.check(found, username, password, ip);
    if (check.outcome === 'throttled') throw tooManyAttempts(check.retryAfterSeconds);
    if (check.outcome === 'wrong' || !found) throw wrongCredentials();

    return startLoginSession(this.nats, this.store, await this.recordLogin(found, ip), ip);
  }

  private recordLogin(found: User, ip: string | null): Promise<User> {
    return this.users.transact(async (em) => {
      const user = await lockUser(em, found.id);
      if (user.passwordHash !== found.passwordHash) throw wrongCredentials();
      if (user.disabled) throw userDisabled();
      user.lastLoginAt = new Date();
      const by = { kind: 'user' as const, id: user.id, username: user.username };
      const data = { user: factsOf(user), method: 'password' as const, ip };
      await recordUserEvent(em, user, { type: 'user-logged-in', data }, { by, ip });
      return user;
    });
  }
}

function wrongCredentials(): Problem {
  return new Problem(401, 'wrong-credentials', 'The user name or the password is wrong.', {
    headers: { 'WWW-Authenticate': 'Bearer realm="identity"' },
  });
}
