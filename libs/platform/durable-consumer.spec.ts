import {
  type ConsumerConfig,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
} from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { z } from 'zod';
import { eventually } from '../../test/support/eventually.js';
import { testNats } from '../../test/support/nats.js';
import { DurableConsumer } from './durable-consumer.js';
import { connectNats } from './nats.js';

const STREAM = 'GUARD_USES';
const DURABLE = 'tokens-guard-uses';
const SUBJECT = 'tokens.guard.uses';

describe('a durable consumer', () => {
  let nats: Awaited<ReturnType<typeof testNats>>;
  let connection: NatsConnection;
  let guard: NatsConnection;
  let manager: JetStreamManager;
  let consumers: DurableConsumer<number>[] = [];

  beforeEach(async () => {
    nats = await testNats();
    connection = await connectNats(nats.urls.tokens, 'tokens', 'test');
    guard = await connectNats(nats.urls.guard, 'guard', 'test-guard');
    manager = await jetstreamManager(connection, { checkAPI: false });
  });
  afterEach(async () => {
    await Promise.all(consumers.map((consumer) => consumer.stop()));
    consumers = [];
    await Promise.all([connection.close(), guard.close()]);
    await nats.stop();
  });

  const start = (handle: (message: number) => Promise<unknown>, atOnce?: number) => {
    const consumer = new DurableConsumer(connection, {
      stream: STREAM,
      durable: DURABLE,
      schema: z.number(),
      ...(atOnce && { atOnce }),
      make: {
        subjects: [SUBJECT, 'tokens.guard.*.uses'],
        retention: RetentionPolicy.Workqueue,
        max_age: nanos(86_400_000),
      },
      handle,
    });
    consumers.push(consumer);
    consumer.start();
    return consumer;
  };
  const collecting = () => {
    const handled: number[] = [];
    start(async (message) => handled.push(message));
    return handled;
  };
  const publish = async (message: number) => {
    await eventually(async () =>
      expect((await guard.request(SUBJECT, JSON.stringify(message))).json()).toHaveProperty('seq'),
    );
  };
  const info = () => manager.consumers.info(STREAM, DURABLE);
  const made = async () => {
    await eventually(async () => expect((await info()).num_waiting).toBeGreaterThan(0));
    return (await info()).config;
  };

  const changes: [string, Partial<ConsumerConfig>][] = [
    ['delivers to a subject instead', { deliver_subject: 'tokens.elsewhere' }],
    ['gives up after the first try', { max_deliver: 1 }],
    ['waits for long before it delivers again', { ack_wait: nanos(3_600_000) }],
    ['delivers one at a time', { max_ack_pending: 1 }],
    ['leaves the contents out', { headers_only: true }],
    ['ends when it is not asked', { inactive_threshold: nanos(3_600_000) }],
  ];
  it.each(changes)(
    'that somebody made one which %s is made again within seconds, and nothing is left out',
    async (_what, change) => {
      const handled = collecting();
      const config = await made();
      await publish(1);
      await eventually(() => expect(handled).toEqual([1]));
      await eventually(async () => {
        await manager.consumers.delete(STREAM, DURABLE);
        await manager.consumers.add(STREAM, { durable_name: DURABLE, ack_policy: 'explicit', ...change });
      });
      await publish(2);
      await eventually(() => expect(new Set(handled)).toEqual(new Set([1, 2])), { timeoutMs: 10_000 });
      await eventually(async () => expect((await info()).config).toEqual(config));
    },
  );

  it('that is deleted, and its stream too, is made again', async () => {
    const handled = collecting();
    await publish(1);
    await eventually(() => expect(handled).toEqual([1]));
    await manager.consumers.delete(STREAM, DURABLE);
    await publish(2);
    await eventually(() => expect(new Set(handled)).toEqual(new Set([1, 2])), { timeoutMs: 10_000 });
  });

  it('whose stream takes other subjects, or keeps them for less long, has it as it was made again', async () => {
    const handled = collecting();
    await made();
    const wanted = (await manager.streams.info(STREAM)).config;
    await manager.streams.update(STREAM, { subjects: ['tokens.elsewhere'], max_age: nanos(3_600_000) });
    await eventually(async () => expect((await manager.streams.info(STREAM)).config).toEqual(wanted));
    await publish(1);
    await eventually(() => expect(handled).toEqual([1]));
  });

  it('takes over what an older version made, with all that waits in it', async () => {
    await manager.streams.add({
      name: STREAM,
      subjects: [SUBJECT],
      retention: RetentionPolicy.Workqueue,
      max_age: nanos(86_400_000),
    });
    await manager.consumers.add(STREAM, {
      durable_name: DURABLE,
      ack_policy: 'explicit',
      ack_wait: nanos(30_000),
      max_ack_pending: 1000,
    });
    await publish(1);
    const handled = collecting();
    await eventually(() => expect(handled).toEqual([1]));
    expect((await info()).config.ack_wait).toBe(nanos(2000));
    expect((await manager.streams.info(STREAM)).config.subjects).toContain('tokens.guard.*.uses');
  });

  it('hands a message on within seconds when the process that had it is gone', async () => {
    await made0();
    await publish(1);
    // Another process takes it, and is never heard of again.
    const other = await jetstream(connection).consumers.get(STREAM, DURABLE);
    expect((await other.next({ expires: 2000 }))?.json()).toBe(1);
    const taken = performance.now();
    const handled = collecting();
    await eventually(() => expect(handled).toEqual([1]), { timeoutMs: 15_000 });
    expect(performance.now() - taken).toBeLessThan(10_000);
  });

  it('keeps a message for as long as it is handled, however long that takes', async () => {
    const handled: number[] = [];
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = async (message: number) => {
      handled.push(message);
      await held;
    };
    start(slow);
    start(slow);
    await publish(1);
    await eventually(() => expect(handled).toEqual([1]));
    // Longer than it would wait for one that is gone: the server was told often enough meanwhile.
    const before = await info();
    await new Promise((resolve) => setTimeout(resolve, 5000));
    expect(handled).toEqual([1]);
    expect((await info()).num_redelivered).toBe(before.num_redelivered);
    release();
    await eventually(async () => expect((await info()).num_ack_pending).toBe(0));
    expect(handled).toEqual([1]);
  });

  it('takes none ahead of what it can handle: the others are for other processes', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const one: number[] = [];
    const other: number[] = [];
    start(async (message) => {
      one.push(message);
      await held;
    }, 1);
    await publish(1);
    await eventually(() => expect(one).toEqual([1]));
    for (const message of [2, 3, 4]) await publish(message);
    start(async (message) => other.push(message));
    await eventually(() => expect(other.toSorted()).toEqual([2, 3, 4]));
    release();
  });

  async function made0() {
    const first = start(async () => undefined);
    await made();
    await first.stop();
    consumers = [];
  }
});
