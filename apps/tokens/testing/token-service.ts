import { randomUUID } from 'node:crypto';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { INestApplication } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import type { IdentityEvent } from '@tokenlog/contracts/identity/identity-events.js';
import type { UserFacts } from '@tokenlog/contracts/identity/user-facts.js';
import { type CheckPasswordReply, checkPassword } from '@tokenlog/contracts/internal/check-password.js';
import { identityEventApplied } from '@tokenlog/contracts/internal/identity-event-applied.js';
import type { VerifyReply } from '@tokenlog/contracts/tokens/verify.js';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { connectNats } from '@tokenlog/platform/nats.js';
import { createService } from '@tokenlog/platform/service.js';
import { v7 } from 'uuid';
import { atTheLatest } from '../../../test/support/at-the-latest.js';
import { testDatabase } from '../../../test/support/database.js';
import { testNats } from '../../../test/support/nats.js';
import { readTokensConfig } from '../config/config.js';
import { migrate } from '../migrate.js';
import { tokensService } from '../tokens.module.js';
import type { Caller } from '../user/caller.js';

/** A user that the stand-in for identity has told the service of. */
export interface TestUser {
  readonly id: string;
  readonly facts: UserFacts;
  version: number;
}

export type TestTokenService = Awaited<ReturnType<typeof startTokenService>>;

/**
 * The token service on real PostgreSQL and NATS. Identity is played by the test, on identity's own NATS user: it publishes
 * users' events and answers password checks, by the contracts.
 * @param natsConfiguration a file to start nats-server with, instead of that of production
 * @param locale of the database
 */
export async function startTokenService(
  environment: Record<string, string> = {},
  natsConfiguration?: string,
  locale?: string,
) {
  const [database, nats] = await Promise.all([testDatabase(locale), testNats(natsConfiguration)]);
  await migrate(database.url);
  const identity = await connectNats(nats.urls.identity, 'identity', 'test-identity');
  await (await jetstreamManager(identity)).streams.add({ name: 'IDENTITY', subjects: ['identity.*'] });
  let passwordReply: CheckPasswordReply = { outcome: 'right' };
  identity.subscribe(checkPassword.subject, {
    callback: (_error, message) => {
      const { password } = message.json<{ password: string }>();
      const wrong: CheckPasswordReply = { outcome: 'wrong' };
      message.respond(
        JSON.stringify(passwordReply.outcome === 'right' && password !== 'right' ? wrong : passwordReply),
      );
    },
  });

  const start = async (more: Record<string, string> = {}) => {
    const config = readTokensConfig({
      DATABASE_URL: database.url,
      NATS_URL: nats.urls.tokens,
      TOKEN_PEPPER: 'a pepper for tests only',
      TOKENS_PORT: '0',
      ...environment,
      ...more,
    });
    const app = await createService({ ...tokensService(config), logLevels: ['fatal'] });
    await app.listen(0, '127.0.0.1');
    return app;
  };
  let app: INestApplication = await start();
  const guard = await connectNats(nats.urls.guard, 'guard', 'test-guard');

  const publish = async (event: IdentityEvent) => {
    const applied = whenApplied(identity, event.id);
    await jetstream(identity).publish(`identity.${event.type}`, JSON.stringify(event), { msgID: event.id });
    await applied;
  };
  const base = (user: TestUser) => ({
    id: v7(),
    at: new Date().toISOString(),
    version: ++user.version,
    by: { kind: 'system' as const },
    userId: user.id,
  });

  return {
    get app() {
      return app;
    },
    get url() {
      return `http://127.0.0.1:${app.getHttpServer().address().port}`;
    },
    get commands() {
      return app.get(CommandBus, { strict: false });
    },
    get queries() {
      return app.get(QueryBus, { strict: false });
    },
    get store() {
      return app.get(EventStore, { strict: false });
    },
    database,
    nats,
    identity,
    guard,
    publish,
    base,

    /** Identity's answer to password checks from now on; `right` means: the password is `right`. */
    answerPasswordChecks(reply: CheckPasswordReply) {
      passwordReply = reply;
    },

    async register(username: string, facts: Partial<UserFacts> = {}): Promise<TestUser> {
      const user: TestUser = {
        id: v7(),
        version: 0,
        facts: {
          username,
          kind: 'person',
          roles: [],
          disabled: false,
          hasPassword: true,
          mustChangePassword: false,
          hasLoggedIn: true,
          ...facts,
        },
      };
      await publish({ ...base(user), type: 'user-registered', user: user.facts });
      return user;
    },

    async change(user: TestUser, facts: Partial<UserFacts>): Promise<void> {
      Object.assign(user.facts, facts);
      await publish({ ...base(user), type: 'user-changed', user: user.facts });
    },

    async delete(user: TestUser): Promise<void> {
      await publish({ ...base(user), type: 'user-deleted', username: user.facts.username });
    },

    caller(user: TestUser): Caller {
      return {
        id: user.id,
        username: user.facts.username,
        isAdmin: user.facts.roles.includes('admin'),
        credential: { kind: 'session', id: randomUUID() },
        scopes: null,
        secretGeneration: null,
        ip: '192.0.2.1',
      };
    },

    async verify(request: object): Promise<VerifyReply> {
      return (await guard.request('tokens.verify', JSON.stringify(request), { timeout: 5000 })).json();
    },

    /** Stops the service and starts it again, on the same database and NATS. */
    async restart(more: Record<string, string> = {}) {
      await app.close();
      app = await start(more);
    },
    start,

    stop: atTheLatest(async () => {
      await app.close();
      await Promise.all([identity.close(), guard.close()]);
      await Promise.all([nats.stop(), database.drop()]);
    }),
  };
}

async function whenApplied(identity: NatsConnection, eventId: string): Promise<void> {
  const messages = identity.subscribe(identityEventApplied.subject);
  await identity.flush();
  return (async () => {
    for await (const message of messages) {
      if (message.json<{ eventId: string }>().eventId === eventId) break;
    }
  })();
}
