import { setTimeout as delay } from 'node:timers/promises';
import { type NatsConnection, RequestError } from '@nats-io/transport-node';
import { verify } from '@tokenlog/contracts/tokens/verify.js';
import { z } from 'zod';
import { eventually } from '../../test/support/eventually.js';
import { testNats } from '../../test/support/nats.js';
import { connectNats } from './nats.js';
import { answer, NatsRequestServer } from './nats-transport.js';

const { subject } = verify;
const TIMEOUT_MS = 3000;

describe('requests over NATS', () => {
  let nats: Awaited<ReturnType<typeof testNats>>;
  let client: NatsConnection;
  let servers: NatsRequestServer[] = [];

  beforeAll(async () => {
    nats = await testNats();
    client = await connectNats(nats.urls.guard, 'guard', 'test');
  });
  afterEach(async () => {
    await Promise.all(servers.map((server) => server.close()));
    servers = [];
  });
  afterAll(async () => {
    await client.close();
    await nats.stop();
  });

  const serve = async (handler: (data: unknown) => Promise<unknown>) => {
    const server = new NatsRequestServer(nats.urls.tokens, 'tokens');
    server.addHandler(subject, handler);
    await new Promise<void>((resolve, reject) => server.listen((error) => (error ? reject(error) : resolve())));
    servers.push(server);
    return server;
  };
  const ask = async (payload: string) => (await client.request(subject, payload, { timeout: TIMEOUT_MS })).json();

  it('are answered where an answer that names all of their mistakes would be too large for a message', async () => {
    const contract = { subject, request: z.strictObject({}), reply: z.object({}), example: { request: {}, reply: {} } };
    await serve((data) => answer(contract, data, async () => ({})));
    const largest = client.info?.max_payload ?? 0;
    const long = (parts: number) => 'x'.repeat(largest - parts);
    const error = { error: { code: 'invalid-request', detail: expect.any(String), errors: expect.any(Array) } };

    expect(await ask(JSON.stringify({ [long(10)]: 1 }))).toEqual(error);
    expect(await ask(JSON.stringify({ pattern: subject, data: 1, id: long(100) }))).toEqual(error);
  });

  it('are answered where what the handler returned cannot be sent', async () => {
    await serve(async () => 1n);
    expect(await ask('{}')).toEqual({ error: { code: 'internal-error', detail: expect.any(String) } });
    expect(await ask(JSON.stringify({ pattern: subject, data: 1, id: 'a' }))).toMatchObject({
      id: 'a',
      isDisposed: true,
    });
  });

  it('that were taken before a server closes are answered, though that takes a while', async () => {
    let taken = false;
    const work = Promise.withResolvers<unknown>();
    const server = await serve(async () => {
      if (taken) return {};
      taken = true;
      return work.promise;
    });
    const reply = ask('{}');
    await eventually(() => taken);
    const closed = server.close();
    await eventually(async () => {
      const refused = await ask('{}').catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(RequestError);
      expect((refused as RequestError).isNoResponders()).toBe(true);
    });
    // A batch that waits for the disk.
    await delay(500);
    work.resolve({ done: true });
    expect(await reply).toEqual({ done: true });
    await closed;
  });

  it('are all answered while one of two servers closes under load', async () => {
    const [leaving] = await Promise.all([serve(async (data) => data), serve(async (data) => data)]);
    const asked = Array.from({ length: 20 }, async (_, round) => {
      await delay(round);
      if (round === 10) void leaving.close();
      return Promise.all(Array.from({ length: 200 }, (_, n) => ask(`{"n":${round * 200 + n}}`)));
    });
    expect((await Promise.all(asked)).flat()).toEqual(Array.from({ length: 4000 }, (_, n) => ({ n })));
  });
});
