import { isDeepStrictEqual } from 'node:util';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { NatsConnection } from '@nats-io/transport-node';
import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { DatabaseClock } from '@tokenlog/platform/clock.js';
import { NATS } from '@tokenlog/platform/nats.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { LoginAddresses } from '../login/login-addresses.js';
import { countLogin } from '../login/login-metrics.js';
import { type Login, startLoginSession, userDisabled } from '../login/login-session.js';
import { type ExternalPerson, lockExternalUser } from '../user/external-identity.js';
import { factsOf, recordUserEvent } from '../user/record-user-event.js';
import { register, registration } from '../user/register-user.js';
import type { User } from '../user/user.entity.js';
import { newUsername } from '../user/user-view.js';
import { Users } from '../user/users.js';

/**
 * Starts a session for whom the provider has named (S17). The first login registers the user; each takes over roles and
 * contact. The provider's word on roles is the last: it may take even the last admin's away, and give it to another.
 * Fails with 400 `username-unusable`, 403 `user-disabled`, 409 `username-taken`, and 503 while the token service is away.
 */
export class LogInExternally extends Command<Login> {
  constructor(
    readonly person: ExternalPerson,
    readonly ip: string | null,
  ) {
    super();
  }
}

@CommandHandler(LogInExternally)
export class LogInExternallyHandler implements ICommandHandler<LogInExternally> {
  constructor(
    private readonly users: Users,
    private readonly store: EventStore,
    private readonly addresses: LoginAddresses,
    private readonly clock: DatabaseClock,
    @Inject(NATS) private readonly nats: NatsConnection,
  ) {}

  execute(command: LogInExternally): Promise<Login> {
    return countLogin('oidc', this.logIn(command));
  }

  private async logIn({ person, ip }: LogInExternally): Promise<Login> {
    const user = await this.users.transact(async (em) => {
      const user = (await lockExternalUser(em, person)) ?? (await registerPerson(em, this.clock, person, ip));
      if (user.disabled) throw userDisabled();
      await takeOver(em, user, person, ip);
      user.lastLoginAt = this.clock.now();
      const by = { kind: 'user' as const, id: user.id, username: user.username };
      const data = { user: factsOf(user), method: 'oidc' as const, ip };
      await recordUserEvent(em, user, { type: 'user-logged-in', data }, { by, ip });
      return user;
    });
    if (ip !== null) await this.addresses.remember(user.id, ip);
    return startLoginSession(this.nats, this.store, user, ip);
  }
}

async function registerPerson(
  em: EntityManager,
  clock: DatabaseClock,
  person: ExternalPerson,
  ip: string | null,
): Promise<User> {
  const name = newUsername.safeParse(person.username);
  if (!name.success) {
    throw new Problem('username-unusable', `The provider gives no account name that can be used: ${detail(name)}.`);
  }
  const { roles, contact } = person;
  // Never joined to an account that has the same name: whoever may choose names at the provider would own it.
  const told = registration.parse({ username: name.data, ...contact });
  const metadata = { by: { kind: 'system' as const }, ip };
  return (await register(em, clock, { ...told, roles }, null, metadata, person)).user;
}

async function takeOver(em: EntityManager, user: User, { roles, contact }: ExternalPerson, ip: string | null) {
  const before = factsOf(user);
  em.assign(user, { roles, ...contact });
  const after = factsOf(user);
  if (isDeepStrictEqual(before, after)) return;
  await recordUserEvent(em, user, { type: 'user-changed', data: { user: after } }, { by: { kind: 'system' }, ip });
}

function detail({ error }: { error: { issues: { message: string }[] } }): string {
  return error.issues.map(({ message }) => message).join('; ');
}
