import type { EventStore, Projection } from '@tokenlog/event-store/event-store.js';
import { LOG_START, type Place } from '@tokenlog/event-store/place.js';
import { readLog } from '@tokenlog/event-store/read.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import { sessionTable } from './session-table.js';
import { tokenTable } from './token-table.js';

const BATCH = 2000;
const PROJECTIONS: readonly Projection[] = [tokenTable, sessionTable];

/**
 * The tables as they were at an instant: temporary ones of the same names, filled by the same projections from the log up
 * to then. Costs a reading of that much of the log.
 */
export async function withTableAsOf<Result>(
  store: EventStore,
  instant: Date,
  read: (sql: Sql) => Promise<Result>,
): Promise<Result> {
  const client = await store.pool.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    for (const table of PROJECTIONS.flatMap(({ tables }) => tables)) {
      await client.query(
        `CREATE TEMP TABLE ${table} (LIKE ${table} INCLUDING DEFAULTS INCLUDING INDEXES) ON COMMIT DROP`,
      );
    }
    let place: Place = LOG_START;
    for (;;) {
      const page = await readLog(client, place, BATCH, { to: instant.toISOString() });
      if (page.events.length === 0) break;
      for (const projection of PROJECTIONS) await projection.project(client, page.events);
      place = page.place;
    }
    return await read(client);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}
