import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import pg from 'pg';
import { testDatabase } from '../../test/support/database.js';
import { statementsDuring } from '../../test/support/statements.js';
import { append } from './append.js';
import { formatPlace, isSnapshot, LOG_START, type Place, parsePlace, placeBehind, unseenBy } from './place.js';
import { readLog } from './read.js';
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
  /** A transaction that has appended an event and stays open. */
  const open = async (name: string) => {
    const client = await log.pool.connect();
    await client.query('BEGIN');
    await append(client, [event(name)]);
    return async () => {
      await client.query('COMMIT');
      client.release();
    };
  };
  const typesOf = ({ events }: { events: readonly { type: string }[] }) => events.map(({ type }) => type);

  it('never skips a transaction that commits late, where reading by position alone does, and waits for none', async () => {
    const commit = await open('slow');
    await append(log.pool, [event('fast')]);

    // The control: what a reader that trusts positions sees, and where it goes on.
    const naive = async (after: string) =>
      (await log.pool.query('SELECT position, type FROM events WHERE position > $1 ORDER BY position', [after])).rows;
    const first = await naive('0');
    const page = await readLog(log.pool, LOG_START, 10);
    expect(typesOf(page)).toEqual(['fast']);

    await commit();
    const naiveRest = await naive(first.at(-1).position);
    expect([...first, ...naiveRest].map(({ type }) => type)).toEqual(['fast']);
    expect(typesOf(await readLog(log.pool, page.place, 10))).toEqual(['slow']);
    // One that stopped in the middle, at any event, goes on with it too.
    expect(typesOf(await readLog(log.pool, page.places[0] as Place, 10))).toEqual(['slow']);
  });

  it('reads on while a transaction of another database of the cluster stays open', async () => {
    const other = await testDatabase();
    const stranger = new pg.Client(other.url);
    await stranger.connect();
    await stranger.query('CREATE TABLE coffee (cup int)');
    await stranger.query('BEGIN');
    await stranger.query('INSERT INTO coffee VALUES (1)');
    await append(log.pool, [event('one')]);
    const page = await readLog(log.pool, LOG_START, 10);
    expect(typesOf(page)).toEqual(['one']);
    await append(log.pool, [event('two')]);
    expect(typesOf(await readLog(log.pool, page.place, 10))).toEqual(['two']);
    await stranger.end();
    await other.drop();
  });

  it('goes on where versions stopped that kept the last event alone', async () => {
    await append(log.pool, [event('one')]);
    const { events } = await readLog(log.pool, LOG_START, 10);
    await append(log.pool, [event('two')]);
    const { transactionId, position } = events[0]!;
    expect(typesOf(await readLog(log.pool, placeBehind({ transactionId, position }), 10))).toEqual(['two']);
    expect(placeBehind({ transactionId: '0', position: '0' })).toEqual(LOG_START);
  });

  it('shows every event once, in pages, while many write, and each stream in its order', async () => {
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      const stream = `stream-${writer}`;
      for (let index = 0; index < 40; index++) {
        const client = await log.pool.connect();
        await client.query('BEGIN');
        await append(client, [{ ...event('e'), stream, expectedVersion: index }]);
        if (index % 5 === 0) await client.query('SELECT pg_sleep(0.01)');
        await client.query('COMMIT');
        client.release();
      }
    });
    const seen: { id: string; stream: string; version: number }[] = [];
    let place = LOG_START;
    let done = false;
    const all = Promise.all(writers).then(() => {
      done = true;
    });
    for (;;) {
      const wasDone = done;
      const page = await readLog(log.pool, place, 7);
      seen.push(...page.events);
      // Any place will do to go on from, as it is written.
      place = parsePlace(formatPlace(page.places.at(-1) ?? page.place)) as Place;
      if (wasDone && page.events.length === 0) break;
    }
    await all;
    expect(seen).toHaveLength(320);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(320);
    for (let writer = 0; writer < 8; writer++) {
      const versions = seen.filter(({ stream }) => stream === `stream-${writer}`).map(({ version }) => version);
      expect(versions).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
    }
  });

  it('is one statement by an index, however long the log is and whatever is open', async () => {
    const many = Array.from({ length: 3000 }, () => ({ type: 'old', data: {} }));
    await append(log.pool, [{ ...event('old'), events: many }]);
    const commit = await open('late');
    const { place } = await readLog(log.pool, { ...LOG_START, seen: await snapshot() }, 10);
    await append(log.pool, [event('new')]);
    const statements = await statementsDuring(log.databaseUrl, () => readLog(log.pool, place, 10));
    expect(statements).toHaveLength(1);
    await commit();
    await log.owner.query('ANALYZE');
    const { rows } = await log.owner.query(
      `EXPLAIN (ANALYZE, FORMAT JSON) SELECT 1 FROM log.events WHERE transaction_id >= $1::xid8
       ORDER BY transaction_id, position LIMIT 10`,
      [place.seen.split(':')[1]],
    );
    expect(JSON.stringify(rows)).toContain('events_kept_pkey');
  });

  const snapshot = async () => (await log.pool.query('SELECT pg_current_snapshot()::text AS s')).rows[0].s as string;

  it('takes as a place what PostgreSQL takes as a snapshot, and nothing else', async () => {
    const number = fc.bigInt({ min: 0n, max: 1n << 65n }).map(String);
    const text = fc.tuple(number, number, fc.array(number, { maxLength: 3 })).map(([a, b, c]) => `${a}:${b}:${c}`);
    const near = fc
      .tuple(fc.nat(9), fc.nat(9), fc.array(fc.nat(9), { maxLength: 3 }))
      .map(([a, b, c]) => `${a}:${b}:${c}`);
    await fc.assert(
      fc.asyncProperty(fc.oneof(text, near, fc.string()), async (candidate) => {
        if (!isSnapshot(candidate)) return;
        await log.pool.query('SELECT $1::pg_snapshot', [candidate]);
        // What it does not show is all that counts: `xmin` follows from it.
        const read = parsePlace(formatPlace({ seen: candidate, reading: null, after: null }));
        expect(read && unseenBy(read.seen)).toEqual(unseenBy(candidate));
      }),
    );
    expect(isSnapshot('3:7:4,5')).toBe(true);
  });
});
