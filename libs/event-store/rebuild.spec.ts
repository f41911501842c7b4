import { randomUUID } from 'node:crypto';
import { statementsDuring } from '../../test/support/statements.js';
import { append } from './append.js';
import type { Projection } from './event-store.js';
import { REBUILD_BATCH, rebuild } from './rebuild.js';
import { bySystem, Counter, ROLE, SCHEMA, testLog } from './testing/test-log.js';

const BATCHES = 3;
const EVENTS = BATCHES * REBUILD_BATCH - 1;

describe('a rebuild', () => {
  let log: Awaited<ReturnType<typeof testLog>>;
  let batches = 0;
  let failAt = Number.POSITIVE_INFINITY;

  const totals: Projection = {
    name: 'totals',
    tables: ['totals'],
    async project(sql, events) {
      if (events.length === 0) return;
      if (++batches >= failAt) throw new Error('not this one');
      await sql.query(
        `INSERT INTO totals SELECT entity, sum(by) FROM unnest($1::uuid[], $2::int[]) AS e(entity, by) GROUP BY entity
         ON CONFLICT (id) DO UPDATE SET total = totals.total + excluded.total`,
        [events.map(({ entity }) => entity), events.map(({ data }) => (data as { by: number }).by)],
      );
    },
  };

  beforeAll(async () => {
    log = await testLog();
    await log.owner.query('CREATE TABLE totals (id uuid PRIMARY KEY, total bigint NOT NULL)');
    const id = randomUUID();
    const events = Array.from({ length: EVENTS }, () => ({ type: 'counted', data: { by: 1 } }));
    await append(log.pool, [
      { stream: Counter.stream(id), entity: id, expectedVersion: 0, events, metadata: bySystem },
    ]);
    await log.owner.query('INSERT INTO totals VALUES ($1, $2)', [id, EVENTS]);
  });
  beforeEach(() => {
    batches = 0;
    failAt = Number.POSITIVE_INFINITY;
  });
  afterAll(() => log.drop());

  const total = async () => (await log.owner.query('SELECT total::int FROM totals')).rows;

  it('reads each batch by one statement, and writes it by those of its projection alone', async () => {
    const statements = await statementsDuring(log.databaseUrl, async () => {
      const report = await rebuild(log.owner, SCHEMA, ROLE, totals);
      expect(report).toEqual({ events: EVENTS, differences: { totals: 0 } });
    });
    const callsOf = (pattern: RegExp) =>
      statements.filter(({ text }) => pattern.test(text)).reduce((sum, { calls }) => sum + calls, 0);
    // And three to find that nothing has come since: behind the last batch, to compare, and to swap.
    expect(callsOf(/^SELECT shown.* FROM events /s)).toBe(BATCHES + 3);
    expect(callsOf(/^INSERT INTO totals/)).toBe(BATCHES);
    // Setting out, the two readings of what came meanwhile, comparing, and swapping: the same for any length of the log.
    expect(statements.reduce((sum, { calls }) => sum + calls, 0)).toBeLessThanOrEqual(2 * BATCHES + 25);
  });

  it('that fails on the way leaves the live table as it is, and no shadow', async () => {
    failAt = 2;
    await expect(rebuild(log.owner, SCHEMA, ROLE, totals)).rejects.toThrow('not this one');
    expect(await total()).toEqual([{ total: EVENTS }]);
    expect((await log.owner.query(`SELECT to_regnamespace('${SCHEMA}_rebuild') AS shadow`)).rows[0].shadow).toBeNull();
  });

  it('whose reading fails does not go on to write to the live table', async () => {
    const cut = { ...totals, project: cutReaderOff };
    await expect(rebuild(log.owner, SCHEMA, ROLE, cut)).rejects.toThrow(/terminat/);
    expect(await total()).toEqual([{ total: EVENTS }]);
  });

  it('that is asked for twice at once is done one after the other, and neither writes to the live table', async () => {
    const reports = await Promise.all([1, 2].map(() => rebuild(log.owner, SCHEMA, ROLE, totals)));
    expect(reports).toEqual([1, 2].map(() => ({ events: EVENTS, differences: { totals: 0 } })));
    expect(await total()).toEqual([{ total: EVENTS }]);
  });

  /** Ends the connection that reads the next batch, then projects when the failure of that has been noticed. */
  const cutReaderOff: Projection['project'] = async (sql, events) => {
    const { rows } = await sql.query<{ ended: boolean }>(
      `SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'SELECT %FROM events%'
       ORDER BY query_start DESC LIMIT 1`,
    );
    expect(rows[0]?.ended).toBe(true);
    await sql.query('SELECT pg_sleep(0.1)');
    await totals.project(sql, events);
  };
});
