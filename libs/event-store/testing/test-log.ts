import pg from 'pg';
import { testDatabase } from '../../../test/support/database.js';
import type { Aggregate } from '../event.js';
import { createLog, createRole, numbersInLog, placesInLog } from '../log.sql.js';

export const SCHEMA = 'log';
export const ROLE = 'tokenlog_test_log';

/** A log on a database of its own: `pool` acts as the service's role, `owner` as who made it. */
export async function testLog() {
  const database = await testDatabase();
  const owner = new pg.Pool({ connectionString: database.url, options: `-c search_path=${SCHEMA}` });
  await owner.query(createRole(ROLE));
  await owner.query(`CREATE SCHEMA ${SCHEMA}`);
  for (const statement of [...createLog(SCHEMA, ROLE), ...placesInLog(SCHEMA, ROLE), ...numbersInLog(SCHEMA, ROLE)])
    await owner.query(statement);
  const pool = new pg.Pool({
    connectionString: database.url,
    max: 20,
    options: `-c role=${ROLE} -c search_path=${SCHEMA}`,
  });
  // A test may cut connections; the pool makes new ones.
  pool.on('error', () => undefined);
  return {
    pool,
    owner,
    databaseUrl: database.url,
    async drop() {
      await Promise.all([pool.end(), owner.end()]);
      await database.drop();
    },
  };
}

export type CounterEvent = { type: 'counted'; data: { by: number } };

/** The smallest aggregate there is. */
export const Counter: Aggregate<{ total: number; events: number }, CounterEvent> = {
  stream: (id) => `counter-${id}`,
  initial: { total: 0, events: 0 },
  evolve: ({ total, events }, event) => ({ total: total + event.data.by, events: events + 1 }),
};

export const bySystem = { by: { kind: 'system' } } as const;

/** Makes of a log what a dump of it is in a cluster whose transaction counter is so much lower. */
export async function restoreFromFurtherOn(
  owner: pg.Pool | pg.Client,
  by: number,
  schema: string = SCHEMA,
): Promise<void> {
  const shift = (
    snapshot: string,
  ) => `(SELECT format('%s:%s:%s', pg_snapshot_xmin(s)::text::bigint + ${by}, pg_snapshot_xmax(s)::text::bigint + ${by},
    (SELECT string_agg((xip::text::bigint + ${by})::text, ',' ORDER BY xip) FROM pg_snapshot_xip(s) AS xip))::pg_snapshot
    FROM (SELECT ${snapshot} AS s) AS one WHERE s IS NOT NULL)`;
  const number = `(transaction_id::text::bigint + ${by})::text::xid8`;
  await owner.query(`ALTER TABLE ${schema}.events DISABLE TRIGGER USER;
    UPDATE ${schema}.events SET transaction_id = ${number};
    ALTER TABLE ${schema}.events ENABLE TRIGGER USER;
    UPDATE ${schema}.left_events SET transaction_id = ${number};
    UPDATE ${schema}.checkpoints SET transaction_id = ${number}, seen = ${shift('seen')}, reading = ${shift('reading')}`);
}
