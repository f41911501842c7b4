import { type EntityManager, IsolationLevel } from '@mikro-orm/postgresql';
import type { Projection } from '@tokenlog/event-store/event-store.js';
import { LOG_START, type Place } from '@tokenlog/event-store/place.js';
import { readLog } from '@tokenlog/event-store/read.js';
import { sqlOf } from '@tokenlog/platform/database.js';
import { sessionTable } from './session-table.js';
import { tokenTable } from './token-table.js';

const BATCH = 2000;
const PROJECTIONS: readonly Projection[] = [tokenTable, sessionTable];

/**
 * The tables as they were at an instant: temporary ones of the same names, filled by the same projections from the log up
 * to then. Costs a reading of that much of the log.
 * @param em that `read` reads with; it is in a transaction meanwhile, which is rolled back
 */
export async function withTableAsOf<Result>(
  em: EntityManager,
  instant: Date,
  read: () => Promise<Result>,
): Promise<Result> {
  await em.begin({ isolationLevel: IsolationLevel.REPEATABLE_READ });
  try {
    const sql = sqlOf(em);
    for (const table of PROJECTIONS.flatMap(({ tables }) => tables)) {
      await sql.query(`CREATE TEMP TABLE ${table} (LIKE ${table} INCLUDING DEFAULTS INCLUDING INDEXES) ON COMMIT DROP`);
    }
    let place: Place = LOG_START;
    for (;;) {
      const page = await readLog(sql, place, BATCH, { to: instant.toISOString() });
      if (page.events.length === 0) break;
      for (const projection of PROJECTIONS) await projection.project(sql, page.events);
      place = page.place;
    }
    return await read();
  } finally {
    await em.rollback();
  }
}
