import pg from 'pg';
import { testDatabase } from '../../../test/support/database.js';
import type { Aggregate } from '../event.js';
import { createLog, createRole, placesInLog } from '../log.sql.js';

export const SCHEMA = 'log';
export const ROLE = 'tokenlog_test_log';

/** A log on a database of its own: `pool` acts as the service's role, `owner` as who made it. */
export async function testLog() {
  const database = await testDatabase();
  const owner = new pg.Pool({ connectionString: database.url, options: `-c search_path=${SCHEMA}` });
  await owner.query(createRole(ROLE));
  await owner.query(`CREATE SCHEMA ${SCHEMA}`);
  for (const statement of [...createLog(SCHEMA, ROLE), ...placesInLog(SCHEMA, ROLE)]) await owner.query(statement);
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
