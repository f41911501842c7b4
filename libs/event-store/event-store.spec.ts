import { randomUUID } from 'node:crypto';
import { append } from './append.js';
import { ConcurrencyError } from './event.js';
import { EventStore, type Projection } from './event-store.js';
import { load } from './read.js';
import { bySystem, Counter, type CounterEvent, testLog } from './testing/test-log.js';

const counted = (by: number): CounterEvent => ({ type: 'counted', data: { by } });

describe('the event store', () => {
  let log: Awaited<ReturnType<typeof testLog>>;
  let store: EventStore;

  beforeAll(async () => {
    log = await testLog();
    await log.owner.query('CREATE TABLE totals (id uuid PRIMARY KEY, total int NOT NULL)');
    await log.owner.query('GRANT SELECT, INSERT, UPDATE ON totals TO tokenlog_test_log');
    store = new EventStore(log.pool, [totals]);
  });
  afterAll(() => log.drop());

  const totals: Projection = {
    name: 'totals',
    tables: ['totals'],
    async project(sql, events) {
      for (const event of events) {
        await sql.query(
          `INSERT INTO totals VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET total = totals.total + excluded.total`,
          [event.entity, (event.data as CounterEvent['data']).by],
        );
      }
    },
  };
  const count = (id: string, by: number) =>
    store.transact(async (work) => {
      await work.load(Counter, id);
      work.append(Counter, id, [counted(by)], bySystem);
    });
  const stateOf = async (id: string) => (await load(log.pool, Counter, [id])).get(id);
  const totalOf = async (id: string) =>
    (await log.pool.query('SELECT total FROM totals WHERE id = $1', [id])).rows[0]?.total;

  it('folds a stream in the order in which it was appended', async () => {
    const id = randomUUID();
    await count(id, 2);
    await count(id, 3);
    expect(await stateOf(id)).toMatchObject({ state: { total: 5, events: 2 }, head: { version: 2 } });
  });

  it('projects inline: the table is right as soon as the append has answered', async () => {
    const id = randomUUID();
    await count(id, 7);
    expect(await totalOf(id)).toBe(7);
  });

  it('loses no event and repeats none when 24 writers race for one stream', async () => {
    const id = randomUUID();
    const results = await Promise.allSettled(Array.from({ length: 24 }, () => count(id, 1)));
    const succeeded = results.filter(({ status }) => status === 'fulfilled').length;
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(ConcurrencyError);
    }
    expect(succeeded).toBeGreaterThan(0);
    expect(await stateOf(id)).toMatchObject({
      state: { total: succeeded, events: succeeded },
      head: { version: succeeded },
    });
    expect(await totalOf(id)).toBe(succeeded);
  });

  it('refuses an append at a version that is over', async () => {
    const id = randomUUID();
    await count(id, 1);
    const late = {
      stream: Counter.stream(id),
      entity: id,
      expectedVersion: 0,
      events: [counted(1)],
      metadata: bySystem,
    };
    await expect(append(log.pool, [late])).rejects.toBeInstanceOf(ConcurrencyError);
    expect((await stateOf(id))?.head.version).toBe(1);
  });

  it('leaves neither events nor rows behind when the work fails', async () => {
    const id = randomUUID();
    const failing = store.transact(async (work) => {
      await work.load(Counter, id);
      work.append(Counter, id, [counted(1)], bySystem);
      await work.sql.query('INSERT INTO totals VALUES ($1, 99)', [randomUUID()]);
      throw new Error('decided against it');
    });
    await expect(failing).rejects.toThrow('decided against it');
    expect((await stateOf(id))?.head.version).toBe(0);
    expect((await log.pool.query('SELECT 1 FROM totals WHERE total = 99')).rows).toEqual([]);
  });

  it('keeps its connections after a lost race', async () => {
    const id = randomUUID();
    await Promise.allSettled(Array.from({ length: 10 }, () => count(id, 1)));
    const before = log.pool.totalCount;
    await Promise.allSettled(Array.from({ length: 10 }, () => count(id, 1)));
    expect(log.pool.totalCount).toBe(before);
  });

  it.each(['UPDATE events SET type = type', 'DELETE FROM events', 'TRUNCATE events'])(
    'is append-only, for its owner too: %s',
    async (statement) => {
      await count(randomUUID(), 1);
      await expect(log.pool.query(statement)).rejects.toThrow(/permission denied/);
      await expect(log.owner.query(statement)).rejects.toThrow(/append-only/);
    },
  );
});
