import { COLUMNS, type RecordedRow, toRecorded } from './append.js';
import type { Aggregate, LogCursor, NewEvent, RecordedEvent } from './event.js';
import type { Sql } from './sql.js';

/** The state of an aggregate and the version at which it was read. */
export interface Loaded<State> {
  readonly state: State;
  readonly version: number;
}

/** Reads many streams of one kind at once and folds each. Every id has an entry, a stream without events too. */
export async function load<State, Event extends NewEvent>(
  sql: Sql,
  aggregate: Aggregate<State, Event>,
  ids: readonly string[],
): Promise<Map<string, Loaded<State>>> {
  const loaded = new Map(ids.map((id) => [aggregate.stream(id), { state: aggregate.initial, version: 0 }]));
  const { rows } = await sql.query<RecordedRow>(
    `SELECT ${COLUMNS} FROM events WHERE period = '-infinity' AND stream = ANY($1) ORDER BY stream, version`,
    [[...loaded.keys()]],
  );
  for (const row of rows) {
    const before = loaded.get(row.stream);
    if (!before) continue;
    const event = { type: row.type, data: row.data } as Event;
    loaded.set(row.stream, { state: aggregate.evolve(before.state, event), version: row.version });
  }
  return new Map(ids.map((id) => [id, loaded.get(aggregate.stream(id)) as Loaded<State>]));
}

/** Narrows what is read from the log; all of it, where nothing is given. */
export interface LogFilter {
  readonly types?: readonly string[] | undefined;
  readonly entity?: string | undefined;
  /** Account name or id of who did it. */
  readonly actor?: string | undefined;
  /** Account name or id of the user that the event's thing belongs to, by any event of that thing. */
  readonly user?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/**
 * The next events in the order of commits, oldest first. Only those before the oldest transaction still under way are
 * shown: a transaction that commits late is never skipped, at the price of waiting for it.
 */
export function readLog(sql: Sql, after: LogCursor, limit: number, filter: LogFilter = {}): Promise<RecordedEvent[]> {
  return readEvents(sql, after, limit, filter, `AND ${SETTLED}`);
}

/**
 * The next events of all that are visible now, without waiting for anybody. Whoever goes on later behind the last of them may
 * skip some: it is for what is read to its end in one snapshot.
 * @param limit `null`: all of them
 */
export function readVisible(
  sql: Sql,
  after: LogCursor,
  limit: number | null,
  filter: LogFilter = {},
): Promise<RecordedEvent[]> {
  return readEvents(sql, after, limit, filter, '');
}

async function readEvents(
  sql: Sql,
  after: LogCursor,
  limit: number | null,
  filter: LogFilter,
  condition: string,
): Promise<RecordedEvent[]> {
  const values: unknown[] = [after.transactionId, after.position, limit];
  const { rows } = await sql.query<RecordedRow>(
    `SELECT ${COLUMNS} FROM events
     WHERE (transaction_id, position) > ($1::xid8, $2::bigint) ${condition} ${conditions(filter, values)}
     ORDER BY events.transaction_id, events.position LIMIT $3`,
    values,
  );
  return rows.map(toRecorded);
}

/** How many events `readLog` would show in all. */
export async function countLog(sql: Sql, filter: LogFilter): Promise<number> {
  const values: unknown[] = [];
  const { rows } = await sql.query<{ total: number }>(
    `SELECT count(*)::int AS total FROM events WHERE ${SETTLED} ${conditions(filter, values)}`,
    values,
  );
  return rows[0]?.total ?? 0;
}

const SETTLED = 'transaction_id < pg_snapshot_xmin(pg_current_snapshot())';

/** A filter as SQL; its values are added to the statement's. */
function conditions(filter: LogFilter, values: unknown[]): string {
  const all: string[] = [];
  const where = (value: unknown, condition: (parameter: string) => string) => {
    if (value !== undefined) all.push(`AND ${condition(`$${values.push(value)}`)}`);
  };
  where(filter.types, (types) => `type = ANY(${types}::text[])`);
  where(filter.entity, (entity) => `entity = ${entity}::uuid`);
  where(filter.actor, (actor) => `${actor}::text IN (metadata->'by'->>'username', metadata->'by'->>'id')`);
  where(
    filter.user,
    (user) => `entity IN (SELECT entity FROM events WHERE period = '-infinity'
      AND ${user}::text IN (data->>'username', data->>'userId', data->>'previousUserId'))`,
  );
  where(filter.from, (from) => `recorded_at >= ${from}::timestamptz`);
  where(filter.to, (to) => `recorded_at <= ${to}::timestamptz`);
  return all.join(' ');
}

/** The events of one thing, newest first, and how many there are in all. */
export async function readHistory(
  sql: Sql,
  entity: string,
  before: LogCursor | null,
  limit: number,
): Promise<{ events: RecordedEvent[]; total: number }> {
  const { rows } = await sql.query<RecordedRow>(
    `SELECT ${COLUMNS} FROM events
     WHERE entity = $1 AND ($2::xid8 IS NULL OR (transaction_id, position) < ($2::xid8, $3::bigint))
     ORDER BY events.transaction_id DESC, events.position DESC LIMIT $4`,
    [entity, before?.transactionId ?? null, before?.position ?? null, limit],
  );
  const { rows: counted } = await sql.query<{ total: number }>(
    'SELECT count(*)::int AS total FROM events WHERE entity = $1',
    [entity],
  );
  return { events: rows.map(toRecorded), total: counted[0]?.total ?? 0 };
}

/** Where an event stands in the log. */
export function cursorOf(event: RecordedEvent): LogCursor {
  return { transactionId: event.transactionId, position: event.position };
}
