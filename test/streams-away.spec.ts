import { join } from 'node:path';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { connectNats } from '@tokenlog/platform/nats.js';
import { migrate } from '../apps/tokens/migrate.js';
import { dist } from '../tools/paths.js';
import { startService } from '../tools/service.js';
import { testDatabase } from './support/database.js';
import { eventually } from './support/eventually.js';
import { ADMIN_PASSWORD, expectStatus, PASSWORD, WholeSystem } from './support/whole-system.js';

describe('without streams that can be written to', () => {
  let whole: WholeSystem;
  const connections: NatsConnection[] = [];

  beforeAll(async () => {
    whole = await WholeSystem.start('streams-away');
  });
  afterAll(async () => {
    await Promise.all(connections.map((connection) => connection.close()));
    await whole.stop();
  });

  const manager = async (user: 'identity' | 'tokens'): Promise<JetStreamManager> => {
    const connection = await connectNats(whole.system.natsUrls[user], user, 'test');
    connections.push(connection);
    return jetstreamManager(connection, { checkAPI: false });
  };

  it('people log in, come and get tokens, which are verified; what was to be published is, when it can be again', async () => {
    const [identity, tokens] = [await manager('identity'), await manager('tokens')];
    const sealed = { sealed: true } as object;
    // As good as a full disk: nothing is taken any more, whatever the publisher makes of it.
    await eventually(() => tokens.streams.update('TOKENS', sealed));
    await identity.streams.update('IDENTITY', sealed);

    await whole.logIn('admin', ADMIN_PASSWORD);
    const user = await whole.register('without-streams');
    const { secret } = await whole.issue(user.id);
    expectStatus(await whole.example('GET', '/', { as: secret }), 200);
    const session = await whole.logIn('without-streams', PASSWORD);
    expectStatus(await whole.identity('GET', '/me', { as: session }), 200);
    expectStatus(await whole.identity('DELETE', `/users/${user.id}`, { as: whole.admin }), 202);

    await identity.streams.delete('IDENTITY');
    await tokens.streams.delete('TOKENS');
    await eventually(async () => expectStatus(await whole.example('GET', '/', { as: secret }), 401));
    const info = async () => (await tokens.streams.info('TOKENS')).state.messages;
    await eventually(async () => expect(await info()).toBeGreaterThan(0));
  });

  it('what happens to users is applied again at once after the token service was killed over it', async () => {
    const user = await whole.register('killed-over');
    const { secret } = await whole.issue(user.id);
    const remove = () => whole.identity('DELETE', `/users/${user.id}`, { as: whole.admin });
    const removed = remove();
    await whole.system.kill('tokens', 'SIGKILL');
    // Killed too early, nobody could say who asked.
    const again = (await removed).status === 503;
    await whole.system.restart('tokens');
    if (again) await eventually(async () => expect([202, 204]).toContain((await remove()).status));
    // No message waits for a time-out of the killed one's.
    await eventually(async () => expectStatus(await whole.example('GET', '/', { as: secret }), 401));
  });

  it('a service of another deployment does not start on this NATS server, and says which two they are', async () => {
    const database = await testDatabase();
    await migrate(database.url);
    // As a process: what it opened before it found out ends with it.
    const another = await startService({
      name: 'another',
      main: join(dist, 'apps', 'tokens', 'main.js'),
      env: {
        PATH: process.env.PATH,
        DATABASE_URL: database.url,
        NATS_URL: whole.system.natsUrls.tokens,
        SERVER_NAME: 'the-second',
        TOKEN_PEPPER: 'a pepper of another deployment',
        TOKENS_PORT: '0',
      },
      url: 'http://127.0.0.1:1',
      logFile: join(whole.system.logDir, 'another.log'),
      output: () => undefined,
    });
    try {
      await expect(another.ready).rejects.toThrow(
        /NATS_URL: another Tokenlog is on this NATS server: default \(deployment .*the-second/,
      );
    } finally {
      await another.stop();
    }
    await whole.logIn('admin', ADMIN_PASSWORD);
    await database.drop();
  });
});
