import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { guardUses } from '@tokenlog/contracts/guard/uses.js';
import { verify } from '@tokenlog/contracts/tokens/verify.js';
import { eventually } from '../../test/support/eventually.js';
import { testFolder } from '../../test/support/folder.js';
import { type Nats, startNats } from '../../tools/embedded-nats.js';
import { root } from '../../tools/paths.js';
import { generateNatsPasswords } from '../../tools/secrets.js';
import { closeNats, connectNats } from './nats.js';
import { NatsRequestServer } from './nats-transport.js';

const CONSUMER = 'tokens-guard-uses';
const SUBJECT = 'tokens.token-created';
/** A client tries twice a second or more: this is more often than nats.js bears by itself. */
const REFUSALS = 6;

describe('a connection whose password, or permission, the server refuses for a while', () => {
  let nats: Nats;
  let configuration: string;
  let original: string;
  let tokens: NatsConnection;
  let client: NatsConnection;
  let server: NatsRequestServer;

  beforeAll(async () => {
    const folder = await testFolder('refusals');
    configuration = join(folder, 'nats-server.conf');
    original = await readFile(join(root, 'deploy', 'nats-server.conf'), 'utf8');
    await writeFile(configuration, original);
    nats = await startNats({ dataDir: join(folder, 'nats'), configuration, passwords: generateNatsPasswords() });
    tokens = await connectNats(nats.urls.tokens, 'tokens', 'test');
    client = await connectNats(nats.urls.guard, 'guard', 'test');
    const { streams } = await jetstreamManager(tokens, { checkAPI: false });
    await streams.add({ name: 'TOKENS', subjects: [SUBJECT] });
    await streams.add({ name: 'GUARD_USES', subjects: [guardUses.subject] });
    server = new NatsRequestServer(nats.urls.tokens, 'tokens');
    server.addHandler(verify.subject, async () => ({ active: false }));
    await new Promise<void>((resolve, reject) => server.listen((error) => (error ? reject(error) : resolve())));
  });
  afterAll(async () => {
    await server?.close();
    for (const connection of [tokens, client]) if (connection) await closeNats(connection);
    await nats?.stop();
  });

  const reload = async (text: string) => {
    await writeFile(configuration, text);
    process.kill(nats.pid, 'SIGHUP');
  };
  const asked = async () => (await client.request(verify.subject, '{}', { timeout: 1_000 })).json();

  it('serves, publishes and consumes again when it is accepted, however often it was refused', async () => {
    const consumed: string[] = [];
    const { consumers } = await jetstreamManager(tokens, { checkAPI: false });
    await consumers.add('GUARD_USES', { durable_name: CONSUMER, ack_policy: 'explicit' });
    const consumer = await jetstream(tokens).consumers.get('GUARD_USES', CONSUMER);
    const messages = await consumer.consume({ idle_heartbeat: 1_000 });
    void (async () => {
      for await (const message of messages) {
        consumed.push(message.string());
        message.ack();
      }
    })();
    const refusals = { tokens: 0 };
    void (async () => {
      for await (const { type } of tokens.status()) if (type === 'error') refusals.tokens++;
    })();

    await reload(original.replaceAll('$NATS_TOKENS_PASSWORD', 'another'));
    await eventually(() => refusals.tokens >= REFUSALS, { timeoutMs: 30_000 });
    await expect(asked()).rejects.toThrow();
    await reload(original);

    await eventually(async () => expect(await asked()).toEqual({ active: false }), { timeoutMs: 20_000 });
    await eventually(() => jetstream(tokens).publish(SUBJECT, 'after'), { timeoutMs: 20_000 });
    client.publish(guardUses.subject, 'after');
    await eventually(() => consumed.includes('after'), { timeoutMs: 20_000 });
    await tokens.flush();
    await messages.close();
  });

  it('serves again when it may listen again', async () => {
    await reload(original.replace(/(subscribe: \["_INBOX_tokens\.>", )"tokens\.>", /, '$1'));
    await eventually(() => expect(asked()).rejects.toThrow(), { timeoutMs: 20_000 });
    await reload(original);
    await eventually(async () => expect(await asked()).toEqual({ active: false }), { timeoutMs: 20_000 });
  });
});
