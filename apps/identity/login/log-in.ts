import type { NatsConnection } from '@nats-io/transport-node';
import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { maybeAccessKey, parseCredential, presentedText, proofOf } from '@tokenlog/contracts/credential.js';
import { type StartSessionReply, startSession } from '@tokenlog/contracts/internal/start-session.js';
import { text } from '@tokenlog/contracts/message.js';
import { named } from '@tokenlog/contracts/named.js';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { DatabaseClock } from '@tokenlog/platform/clock.js';
import { NATS } from '@tokenlog/platform/nats.js';
import { request } from '@tokenlog/platform/nats-request.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { z } from 'zod';
import { factsOf, recordUserEvent } from '../user/record-user-event.js';
import type { User } from '../user/user.entity.js';
import { enteredPassword } from '../user/user-view.js';
import { lockUser, Users } from '../user/users.js';
import { EnteredPassword, tooManyAttempts } from './check-entered-password.js';
import { countLogin } from './login-metrics.js';
import { type Login, startLoginSession, userDisabled } from './login-session.js';

export const loginBody = named(
  'Credentials',
  z.strictObject({ username: text.min(1).max(256), password: enteredPassword }),
  { username: 'ada', password: 'the password of ada' },
);

/**
 * Starts a session with a password, or with a token or a static key in its place (S4). These are no guesses at a password.
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
    private readonly clock: DatabaseClock,
    @Inject(NATS) private readonly nats: NatsConnection,
  ) {}

  execute(command: LogIn): Promise<Login> {
    return countLogin('password', this.logIn(command));
  }

  private async logIn(command: LogIn): Promise<Login> {
    const credential = parseCredential(command.password);
    if (credential === null) return this.withPassword(command);
    // Neither is a guess at the password, and counts as none. A session is not for starting others.
    if (credential.prefix === 'tks') throw wrongCredentials();
    return this.withToken(command);
  }

  private async withToken({ username, password: credential, ip }: LogIn): Promise<Login> {
    // S42: a program has tokens and no login.
    if ((await this.users.findByUsername(username))?.kind === 'application') throw wrongCredentials();
    const reply = await request(this.nats, startSession, { with: 'token', credential, username, ip });
    return (await this.loginOf(reply)) ?? wrong();
  }

  /** A static key (S37) looks like any password. What may be a password leaves this service as a proof alone. */
  private async withAccessKey(found: User | null, { username, password, ip }: LogIn): Promise<Login | null> {
    if (!maybeAccessKey(password) || found?.kind === 'application') return null;
    const proof = proofOf(presentedText(password));
    try {
      return await this.loginOf(await request(this.nats, startSession, { with: 'access-key', proof, username, ip }));
    } catch (error) {
      // An older token service, while both are being replaced, does not know this question.
      if (error instanceof Problem && error.code === 'service-failed') return null;
      throw error;
    }
  }

  private async loginOf(reply: StartSessionReply): Promise<Login | null> {
    if (!reply.started) return null;
    const user = await this.users.find(reply.userId);
    return user && { session: { credential: reply.credential, expiresAt: reply.expiresAt }, user };
  }

  private async withPassword(command: LogIn): Promise<Login> {
    const { username, password, ip } = command;
    const found = await this.users.findByUsername(username);
    const check = await this.entered.check(found, username, password, ip, () => this.withAccessKey(found, command));
    if (check.outcome === 'otherwise') return check.found;
    if (check.outcome === 'throttled') throw tooManyAttempts(check.retryAfterSeconds);
    if (check.outcome === 'wrong' || !found) throw wrongCredentials();

    return startLoginSession(this.nats, this.store, await this.recordLogin(found, ip), ip);
  }

  private recordLogin(found: User, ip: string | null): Promise<User> {
    return this.users.transact(async (em) => {
      const user = await lockUser(em, found.id);
      if (user.passwordHash !== found.passwordHash) throw wrongCredentials();
      if (user.disabled) throw userDisabled();
      user.lastLoginAt = this.clock.now();
      const by = { kind: 'user' as const, id: user.id, username: user.username };
      const data = { user: factsOf(user), method: 'password' as const, ip };
      await recordUserEvent(em, user, { type: 'user-logged-in', data }, { by, ip });
      return user;
    });
  }
}

function wrong(): never {
  throw wrongCredentials();
}

function wrongCredentials(): Problem {
  return new Problem('wrong-credentials', 'The user name or the password is wrong.', {
    headers: { 'WWW-Authenticate': 'Bearer realm="identity"' },
  });
}
