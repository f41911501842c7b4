import type { Pool, PoolClient } from 'pg';
import type { Projection } from './event-store.js';
import { LOG_START, type Place } from './place.js';
import { readLog } from './read.js';
import type { Sql } from './sql.js';

/** Events that are read, and projected, at once. */
export const REBUILD_BATCH = 5000;

/** What a rebuild found. */
export interface RebuildReport {
  readonly events: number;
  /** Rows of the live tables that were not what the log says, or were missing there. They are now. */
  readonly differences: Readonly<Record<string, number>>;
}

/**
 * Fills a projection's tables anew from the log, beside the live ones, and puts them in their place. Readers see the old
 * tables until the new ones are whole; everybody waits only while the last events are caught up with. Rebuilds of a schema wait
 * for each other.
 * @param owner two connections of whoever owns `schema`; the services' role may not make tables
 * @param role the services' role, which keeps its grants
 */
export async function rebuild(
  owner: Pool,
  schema: string,
  role: string,
  projection: Projection,
  progress: (events: number) => void = () => undefined,
): Promise<RebuildReport> {
  const client = await connect(owner);
  const shadow = `${schema}_rebuild`;
  try {
    // Until the connection ends. Another rebuild would drop these shadows, and this one then write to the live tables.
    await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [shadow]);
    return await rebuildAlone(owner, client, schema, shadow, role, projection, progress);
  } finally {
    // Its search path must not reach whoever has the connection next.
    client.release(true);
  }
}

async function rebuildAlone(
  owner: Pool,
  client: PoolClient,
  schema: string,
  shadow: string,
  role: string,
  projection: Projection,
  progress: (events: number) => void,
): Promise<RebuildReport> {
  try {
    await client.query(`DROP SCHEMA IF EXISTS ${shadow} CASCADE`);
    await client.query(`CREATE SCHEMA ${shadow}`);
    for (const table of projection.tables) {
      await client.query(`CREATE TABLE ${shadow}.${table} (LIKE ${schema}.${table} INCLUDING ALL)`);
    }
    // The projection's unqualified names now mean the shadows; the log is found behind them.
    await client.query(`SET search_path = ${shadow}, ${schema}`);
    const caughtUp = await catchUp(owner, client, schema, projection, progress);
    const compared = await compare(client, schema, shadow, projection, caughtUp.place);
    const last = await swap(client, schema, shadow, role, projection, compared.place);
    return { events: caughtUp.events + compared.events + last, differences: compared.differences };
  } catch (error) {
    await client.query('ROLLBACK');
    await client.query(`DROP SCHEMA IF EXISTS ${shadow} CASCADE`);
    throw error;
  }
}

/** A connection whose loss is told by the query that fails: unheard, its event would end the process. */
async function connect(owner: Pool): Promise<PoolClient> {
  const client = await owner.connect();
  return client.on('error', () => undefined);
}

/**
 * Projects one batch while the next is read on a connection of its own. Nothing holds a batch together or waits for the
 * disk: of a rebuild that is broken off nobody reads anything.
 */
async function catchUp(
  owner: Pool,
  client: PoolClient,
  schema: string,
  projection: Projection,
  progress: (events: number) => void,
) {
  const reader = await connect(owner);
  try {
    await reader.query(`SET search_path = ${schema}`);
    await client.query('SET synchronous_commit = off');
    let events = 0;
    let page = await readLog(reader, LOG_START, REBUILD_BATCH);
    while (page.events.length > 0) {
      const { place } = page;
      // Both are waited for, whichever fails: without the shadows, the statements of the other would mean the live tables.
      const [projected, next] = await Promise.allSettled([
        projection.project(client, page.events),
        page.events.length === REBUILD_BATCH
          ? readLog(reader, place, REBUILD_BATCH)
          : { events: [], places: [], place },
      ]);
      if (projected.status === 'rejected') throw projected.reason;
      if (next.status === 'rejected') throw next.reason;
      events += page.events.length;
      progress(events);
      page = next.value;
    }
    await client.query('RESET synchronous_commit');
    return { place: page.place, events };
  } finally {
    reader.release(true);
  }
}

/** Projects what has come since a place, to its end in this statement's snapshot. */
async function projectRest(
  client: Sql,
  projection: Projection,
  from: Place,
): Promise<{ place: Place; events: number }> {
  let place = from;
  let events = 0;
  for (;;) {
    const page = await readLog(client, place, REBUILD_BATCH);
    if (page.events.length === 0) return { place: page.place, events };
    await projection.project(client, page.events);
    events += page.events.length;
    place = page.place;
  }
}

/** Compares at one snapshot, which shows the live tables and exactly the events that made them. */
async function compare(client: PoolClient, schema: string, shadow: string, projection: Projection, from: Place) {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  const { place, events } = await projectRest(client, projection, from);
  const differences: Record<string, number> = {};
  for (const table of projection.tables) {
    differences[table] = await countDifferences(client, `${schema}.${table}`, `${shadow}.${table}`);
  }
  await client.query('COMMIT');
  return { place, events, differences };
}

/**
 * Puts the shadows in the place of the live tables. Once these are locked, whole from the start so that nobody can be
 * waited for in a circle, every event that is visible has been projected to them, and every other one will be projected to
 * those that take their place.
 */
async function swap(
  client: PoolClient,
  schema: string,
  shadow: string,
  role: string,
  projection: Projection,
  from: Place,
): Promise<number> {
  await client.query('BEGIN');
  await client.query(`LOCK TABLE ${projection.tables.map((table) => `${schema}.${table}`).join(', ')}`);
  const { events } = await projectRest(client, projection, from);
  for (const table of projection.tables) {
    await client.query(`DROP TABLE ${schema}.${table}`);
    await client.query(`ALTER TABLE ${shadow}.${table} SET SCHEMA ${schema}`);
    await client.query(`GRANT SELECT, INSERT, UPDATE ON ${schema}.${table} TO ${role}`);
  }
  await client.query(`DROP SCHEMA ${shadow}`);
  await client.query('COMMIT');
  return events;
}

async function countDifferences(client: PoolClient, live: string, rebuilt: string): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `SELECT (SELECT count(*) FROM (TABLE ${live} EXCEPT TABLE ${rebuilt}) AS a)::int
       + (SELECT count(*) FROM (TABLE ${rebuilt} EXCEPT TABLE ${live}) AS b)::int AS count`,
  );
  return rows[0]?.count ?? 0;
}
