import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { INestApplication } from '@nestjs/common';
import { IDENTITY_STREAM } from '@tokenlog/contracts/identity/identity-events.js';
import { connectNats, NATS } from '@tokenlog/platform/nats.js';
import { createService } from '@tokenlog/platform/service.js';
import pg from 'pg';
import request from 'supertest';
import { atTheLatest } from '../../../test/support/at-the-latest.js';
import { testDatabase } from '../../../test/support/database.js';
import { testNats } from '../../../test/support/nats.js';
import { readIdentityConfig } from '../config/config.js';
import { IdentityModule } from '../identity.module.js';
import { migrate } from '../migrate.js';
import type { UserView } from '../user/user-view.js';
import { TokenServiceStandIn } from './token-service-stand-in.js';

export const ADMIN_PASSWORD = 'correct horse battery';
export const PASSWORD = 'staple battery horse';

/** The whole service on a real PostgreSQL and a real NATS server, the token service played by a stand-in. */
export class IdentityUnderTest {
  private constructor(
    readonly app: INestApplication,
    readonly databaseUrl: string,
    readonly tokens: TokenServiceStandIn,
    readonly sql: pg.Pool,
    readonly tokensNats: NatsConnection,
    private readonly endServers: () => Promise<void>,
  ) {}

  static async start(env: Record<string, string> = {}, locale?: string): Promise<IdentityUnderTest> {
    const [database, nats] = await Promise.all([testDatabase(locale), testNats()]);
    await migrate(database.url, { adminPassword: ADMIN_PASSWORD });
    const config = readIdentityConfig({ ...env, DATABASE_URL: database.url, NATS_URL: nats.urls.identity });
    const app = await createService({
      name: 'identity',
      description: 'test',
      module: IdentityModule.forRoot(config),
      port: 0,
      natsUrl: config.NATS_URL,
      trustedProxies: 1,
      logLevels: ['fatal'],
    });
    await app.listen(env.IDENTITY_PORT ?? 0, '127.0.0.1');
    const tokens = await TokenServiceStandIn.start(nats.urls.tokens);
    await tokens.follow();
    const tokensNats = await connectNats(nats.urls.tokens, 'tokens', 'test');
    const endServers = async () => {
      await nats.stop();
      await database.drop();
    };
    const sql = new pg.Pool({ connectionString: database.url });
    return new IdentityUnderTest(app, database.url, tokens, sql, tokensNats, endServers);
  }

  readonly stop = atTheLatest(async () => {
    await this.tokens.stop();
    await this.tokensNats.close();
    await this.app.close();
    await this.sql.end();
    await this.endServers();
  });

  get http() {
    return request(this.app.getHttpServer() as Parameters<typeof request>[0]);
  }

  login(username: string, password: string, ip = '192.0.2.1') {
    return this.http.post('/login').set('X-Forwarded-For', ip).send({ username, password });
  }

  /** Logs in and answers a request that carries the session. */
  async as(username: string, password: string) {
    const answer = await this.login(username, password).expect(200);
    return this.with(answer.body.session.credential);
  }

  /** Requests that carry a credential. */
  with(credential: string) {
    const carry = (test: request.Test) => test.set('Authorization', `Bearer ${credential}`);
    return {
      credential,
      get: (path: string) => carry(this.http.get(path)),
      post: (path: string, body?: object) => carry(this.http.post(path)).send(body),
      patch: (path: string, body: object) => carry(this.http.patch(path)).send(body),
      put: (path: string, body: object) => carry(this.http.put(path)).send(body),
      delete: (path: string) => carry(this.http.delete(path)),
    };
  }

  /** Registers a person with `PASSWORD`, which need not be changed. */
  async register(username: string, more: object = {}): Promise<UserView> {
    const admin = await this.as('admin', ADMIN_PASSWORD);
    const body = { username, password: PASSWORD, mustChangePassword: false, ...more };
    return (await admin.post('/users', body).expect(201)).body;
  }

  /** Every event of the log, oldest first. */
  async log(): Promise<
    { id: string; type: string; entity: string; version: number; data: object; metadata: object }[]
  > {
    return (await this.sql.query('SELECT * FROM identity.events ORDER BY position')).rows;
  }

  /** What an operator may do by accident. */
  async deleteStream(): Promise<void> {
    const { streams } = await jetstreamManager(this.app.get<NatsConnection>(NATS));
    await streams.delete(IDENTITY_STREAM);
  }
}
