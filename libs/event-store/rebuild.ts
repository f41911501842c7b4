import type { Pool, PoolClient } from 'pg';
import { LOG_START, type LogCursor } from './event.js';
import type { Projection } from './event-store.js';
import { cursorOf, readLog, readVisible } from './read.js';

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
    const { cursor, events } = await catchUp(owner, client, schema, projection, progress);

    const { differences, compared } = await compare(client, schema, shadow, projection, cursor);
    const last = await swap(client, schema, shadow, role, projection, cursor, compared);
    return { events: events + compared.size + last, differences };
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
    let cursor: LogCursor = LOG_START;
    let events = 0;
    let batch = await readLog(reader, cursor, REBUILD_BATCH);
    for (let last = batch.at(-1); last; last = batch.at(-1)) {
      cursor = cursorOf(last);
      const whole = batch.length === REBUILD_BATCH;
      // Both are waited for, whichever fails: without the shadows, the statements of the other would mean the live tables.
      const [projected, next] = await Promise.allSettled([
        projection.project(client, batch),
        whole ? readLog(reader, cursor, REBUILD_BATCH) : [],
      ]);
      if (projected.status === 'rejected') throw projected.reason;
      if (next.status === 'rejected') throw next.reason;
      events += batch.length;
      progress(events);
      batch = next.value;
    }
    await client.query('RESET synchronous_commit');
    return { cursor, events };
  } finally {
    reader.release(true);
  }
}

/**
 * Compares at one snapshot, which shows the live tables and exactly the events that made them: those behind the fence too,
 * which are projected to the shadows first.
 */
async function compare(client: PoolClient, schema: string, shadow: string, projection: Projection, cursor: LogCursor) {
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  const rest = await readVisible(client, cursor, null);
  await projection.project(client, rest);
  const differences: Record<string, number> = {};
  for (const table of projection.tables) {
    differences[table] = await countDifferences(client, `${schema}.${table}`, `${shadow}.${table}`);
  }
  await client.query('COMMIT');
  return { differences, compared: new Set(rest.map(({ id }) => id)) };
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
  cursor: LogCursor,
  compared: ReadonlySet<string>,
): Promise<number> {
  await client.query('BEGIN');
  await client.query(`LOCK TABLE ${projection.tables.map((table) => `${schema}.${table}`).join(', ')}`);
  const last = (await readVisible(client, cursor, null)).filter(({ id }) => !compared.has(id));
  await projection.project(client, last);
  for (const table of projection.tables) {
    await client.query(`DROP TABLE ${schema}.${table}`);
    await client.query(`ALTER TABLE ${shadow}.${table} SET SCHEMA ${schema}`);
    await client.query(`GRANT SELECT, INSERT, UPDATE ON ${schema}.${table} TO ${role}`);
  }
  await client.query(`DROP SCHEMA ${shadow}`);
  await client.query('COMMIT');
  return last.length;
}

async function countDifferences(client: PoolClient, live: string, rebuilt: string): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `SELECT (SELECT count(*) FROM (TABLE ${live} EXCEPT TABLE ${rebuilt}) AS a)::int
       + (SELECT count(*) FROM (TABLE ${rebuilt} EXCEPT TABLE ${live}) AS b)::int AS count`,
  );
  return rows[0]?.count ?? 0;
}
