import { randomUUID } from 'node:crypto';
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
    expect((await readLog(log.pool, LOG_START, 10)).map(({ type }) => type)).toEqual(['slow', 'fast']);
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
    let writing = true;
    const written = Promise.all(writers).then(() => {
      writing = false;
    });
    const ids: string[] = [];
    let cursor: LogCursor = LOG_START;
    for (let settled = false; !settled; ) {
      settled = !writing;
      for (;;) {
        const page = await readLog(log.pool, cursor, 7);
        ids.push(...page.map(({ id }) => id));
        const last = page.at(-1);
        if (!last) break;
        cursor = cursorOf(last);
      }
    }
    await written;
    expect(ids).toHaveLength(320);
    expect(new Set(ids).size).toBe(320);
  });
});
