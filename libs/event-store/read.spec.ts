import { randomUUID } from 'node:crypto';
import { eventually } from '../../test/support/eventually.js';
import { append } from './append.js';
import { LOG_START, type LogCursor } from './event.js';
import { cursorOf, readLog } from './read.js';
import { bySystem, testLog } from './testing/test-log.js';

describe('reading the log', () => {
  let log: Awaited<ReturnType<typeof testLog>>;

  beforeEach(async () => {
    log = await testLog();
  });
  afterEach(() => log.drop());

  const event = (name: string) => ({
    stream: `s-${randomUUID()}`,
    entity: randomUUID(),
    expectedVersion: 0,
    events: [{ type: name, data: {} }],
    metadata: bySystem,
  });

  it('never skips a transaction that commits late, where reading by position alone does', async () => {
    const slow = await log.pool.connect();
    await slow.query('BEGIN');
    await append(slow, [event('slow')]);
    await append(log.pool, [event('fast')]);

    // The control: what a reader that trusts positions sees, and where it goes on.
    const naive = async (after: string) =>
      (await log.pool.query('SELECT position, type FROM events WHERE position > $1 ORDER BY position', [after])).rows;
    const first = await naive('0');
    const seen = await readLog(log.pool, LOG_START, 10);
    expect(seen).toEqual([]);

    await slow.query('COMMIT');
    slow.release();
    const naiveRest = await naive(first.at(-1).position);
    expect([...first, ...naiveRest].map(({ type }) => type)).toEqual(['fast']);
    const all = async () => (await readLog(log.pool, LOG_START, 10)).map(({ type }) => type);
    await eventually(async () => expect(await all()).toEqual(['slow', 'fast']));
  });

  it('shows every event once, in pages, while many write', async () => {
    const writers = Array.from({ length: 8 }, async () => {
      for (let index = 0; index < 40; index++) {
        const client = await log.pool.connect();
        await client.query('BEGIN');
        await append(client, [event('e')]);
        if (index % 5 === 0) await client.query('SELECT pg_sleep(0.01)');
        await client.query('COMMIT');
        client.release();
      }
    });
    const ids: string[] = [];
    let cursor: LogCursor = LOG_START;
    // The fence waits for every transaction of the cluster, other tests' too: what is not shown yet comes later.
    await eventually(async () => {
      for (let page = await readLog(log.pool, cursor, 7); page.length > 0; page = await readLog(log.pool, cursor, 7)) {
        ids.push(...page.map(({ id }) => id));
        cursor = cursorOf(page.at(-1)!);
      }
      return ids.length >= 320;
    });
    await Promise.all(writers);
    expect(ids).toHaveLength(320);
    expect(new Set(ids).size).toBe(320);
  });
});
