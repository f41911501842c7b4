import { randomUUID } from 'node:crypto';
import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { eventually } from '../../test/support/eventually.js';
import { append } from './append.js';
import type { RecordedEvent } from './event.js';
import { EventStore } from './event-store.js';
import { type Subscriber, Subscription } from './subscription.js';
import { bySystem, Counter, restoreFromFurtherOn, testLog } from './testing/test-log.js';

describe('a subscription', () => {
  let log: Awaited<ReturnType<typeof testLog>>;
  let store: EventStore;
  let running: Subscription[] = [];

  beforeEach(async () => {
    log = await testLog();
    store = new EventStore(log.pool);
    await log.owner.query('CREATE TABLE seen (id uuid PRIMARY KEY)');
    await log.owner.query('GRANT SELECT, INSERT ON seen TO tokenlog_test_log');
  });
  afterEach(async () => {
    await Promise.all(running.map((subscription) => subscription.stop()));
    running = [];
    await log.drop();
  });

  const start = (subscriber: Subscriber) => {
    const subscription = new Subscription(store, subscriber);
    running.push(subscription);
    subscription.start();
    return subscription;
  };
  const count = (id: string = randomUUID()) =>
    store.transact(async (work) => {
      await work.load(Counter, id);
      work.append(Counter, id, [{ type: 'counted', data: { by: 1 } }], bySystem);
    });
  const project: Subscriber['project'] = async (sql, events) => {
    await sql.query('INSERT INTO seen SELECT * FROM unnest($1::uuid[])', [events.map(({ id }) => id)]);
  };
  const late = (entity: string) => ({
    stream: Counter.stream(entity),
    entity,
    expectedVersion: 0,
    events: [{ type: 'counted', data: { by: 1 } }],
    metadata: bySystem,
  });
  const seen = async () => (await log.pool.query('SELECT count(*)::int AS count FROM seen')).rows[0].count;

  it('applies each event exactly once, also when its process stops in between and others take over', async () => {
    for (let round = 0; round < 4; round++) {
      const one = start({ name: 'seen', project });
      const two = start({ name: 'seen', project });
      await Promise.all(Array.from({ length: 15 }, () => count()));
      await one.stop();
      await eventually(async () => expect(await seen()).toBe((round + 1) * 15));
      await two.stop();
    }
  });

  it('runs in one process at a time, and in another one when that has lost its connection', async () => {
    const holders: string[] = [];
    const named = (name: string): Subscriber => ({
      name: 'single',
      deliver: async () => {
        holders.push(name);
      },
    });
    start(named('one'));
    await count();
    await eventually(() => expect(holders).toEqual(['one']));
    start(named('two'));
    await log.owner.query(
      `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    await count();
    await eventually(() => expect(holders).toHaveLength(2));
  });

  it('delivers again what was not acknowledged, in order, and skips nothing', async () => {
    const delivered: RecordedEvent[] = [];
    let failures = 2;
    start({
      name: 'flaky',
      deliver: async (events) => {
        if (failures-- > 0) throw new Error('the other side is away');
        delivered.push(...events);
      },
    });
    const id = randomUUID();
    for (let index = 0; index < 5; index++) await count(id);
    await eventually(() => expect(delivered.map(({ version }) => version)).toEqual([1, 2, 3, 4, 5]));
  });

  it('says once that its delivery fails, however often it is tried and whatever is appended meanwhile', async () => {
    const errors = jest.spyOn(Logger.prototype, 'error').mockReturnValue();
    try {
      let tries = 0;
      start({
        name: 'told-once',
        deliver: async () => {
          throw new Error(`the other side is away, request ${++tries}`);
        },
      });
      await eventually(async () => {
        await count();
        expect(tries).toBeGreaterThan(2);
      });
      expect(errors.mock.calls.map(([line]) => line)).toEqual([expect.stringMatching(/away, request 1\b/)]);
    } finally {
      errors.mockRestore();
    }
  });

  it('waits for its turn without asking all the time, whatever this process appends meanwhile', async () => {
    start({ name: 'turn', deliver: async () => undefined });
    const connect = jest.spyOn(log.pool, 'connect');
    start({ name: 'turn', deliver: async () => undefined });
    for (let index = 0; index < 5; index++) await count();
    connect.mockClear();
    const began = performance.now();
    for (let index = 0; index < 30; index++) await count();
    // The appends', and a look every half second.
    expect(connect.mock.calls.length).toBeLessThanOrEqual(30 + 2 + Math.ceil((performance.now() - began) / 500));
    connect.mockRestore();
  });

  it('goes on with what comes next, once each, in a log whose dump was restored into a cluster that has counted less far', async () => {
    const first = start({ name: 'seen', project });
    const counter = randomUUID();
    await count(counter);
    await eventually(async () => expect(await seen()).toBe(1));
    await first.stop();
    await restoreFromFurtherOn(log.owner, 5_000_000_000);

    start({ name: 'seen', project });
    await eventually(async () =>
      expect((await log.pool.query('SELECT numbers_ahead() AS ahead')).rows[0].ahead).toMatch(/^-\d+$/),
    );
    await count(counter);
    const open = await log.pool.connect();
    await open.query('BEGIN');
    await append(open, [late(randomUUID())]);
    await count(counter);
    await eventually(async () => expect(await seen()).toBe(3));
    await open.query('COMMIT');
    open.release();
    await eventually(async () => expect(await seen()).toBe(4));
    const { rows } = await log.pool.query(
      'SELECT version FROM events WHERE stream = $1 ORDER BY transaction_id, position',
      [Counter.stream(counter)],
    );
    expect(rows.map(({ version }) => version)).toEqual([1, 2, 3]);
    expect((await log.pool.query('SELECT continue_log() AS moved')).rows).toEqual([{ moved: '0' }]);
  });

  it('hears of what another process appended', async () => {
    const delivered: RecordedEvent[] = [];
    start({
      name: 'elsewhere',
      deliver: async (events) => {
        delivered.push(...events);
      },
    });
    const other = new EventStore(log.pool);
    await other.transact(async (work) => {
      const id = randomUUID();
      await work.load(Counter, id);
      work.append(Counter, id, [{ type: 'counted', data: { by: 1 } }], bySystem);
    });
    await eventually(() => expect(delivered).toHaveLength(1));
  });
});
