import { COLUMNS, type RecordedRow, toRecorded } from './append.js';
import type { Aggregate, LogCursor, NewEvent, RecordedEvent } from './event.js';
import { type Place, unseenBy } from './place.js';
import type { Sql } from './sql.js';

/** Where a stream ended when it was read. Versions come again in a database that was restored from a back-up; ids of events do not. */
export interface Head {
  /** 0 for a stream without events. */
  readonly version: number;
  /** Of its last event. */
  readonly eventId: string | null;
}

/** The state of an aggregate and where its stream ended when it was read. */
export interface Loaded<State> {
  readonly state: State;
  readonly head: Head;
}

/** Reads many streams of one kind at once and folds each. Every id has an entry, a stream without events too. */
export async function load<State, Event extends NewEvent>(
  sql: Sql,
  aggregate: Aggregate<State, Event>,
  ids: readonly string[],
): Promise<Map<string, Loaded<State>>> {
  const none: Loaded<State> = { state: aggregate.initial, head: { version: 0, eventId: null } };
  const loaded = new Map(ids.map((id) => [aggregate.stream(id), none]));
  const { rows } = await sql.query<RecordedRow>(
    `SELECT ${COLUMNS} FROM events WHERE period = '-infinity' AND stream = ANY($1) ORDER BY stream, version`,
    [[...loaded.keys()]],
  );
  for (const row of rows) {
    const before = loaded.get(row.stream);
    if (!before) continue;
    const event = { type: row.type, data: row.data } as Event;
    const head = { version: row.version, eventId: row.id };
    loaded.set(row.stream, { state: aggregate.evolve(before.state, event), head });
  }
  return new Map(ids.map((id) => [id, loaded.get(aggregate.stream(id)) as Loaded<State>]));
}

/** Narrows what is read from the log; all of it, where nothing is given. */
export interface LogFilter {
  readonly types?: readonly string[] | undefined;
  readonly entity?: string | undefined;
  /** Ids of who did it, one of these. */
  readonly actors?: readonly string[] | null | undefined;
  /** Ids of the users, any one of whom the event's thing belongs to, by any event of that thing. */
  readonly users?: readonly string[] | null | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** Events in the order in which they are read, and where each leaves its reader. */
export interface LogPage {
  readonly events: readonly RecordedEvent[];
  /** Behind each of the events. */
  readonly places: readonly Place[];
  /** Behind all that was read. A page that was not full has read all there was. */
  readonly place: Place;
}

/**
 * The next events behind a place: all that are visible now and were not at that place, whatever transactions are open. An
 * index range, and a look for each transaction that was open then. Not within a transaction that writes events.
 */
export async function readLog(sql: Sql, place: Place, limit: number, filter: LogFilter = {}): Promise<LogPage> {
  const page = await readSnapshot(sql, place, limit, filter);
  if (place.reading === null || page.events.length === limit) return page;
  // What was left of the snapshot that was being read; the next one begins where it ends.
  const rest = await readSnapshot(sql, page.place, limit - page.events.length, filter);
  return {
    events: [...page.events, ...rest.events],
    places: [...page.places, ...rest.places],
    place: rest.place,
  };
}

async function readSnapshot(sql: Sql, place: Place, limit: number, filter: LogFilter): Promise<LogPage> {
  const { from, late } = unseenBy(place.seen);
  const values: unknown[] = [limit];
  const rest: string[] = [];
  if (place.reading !== null) {
    rest.push(`AND pg_visible_in_snapshot(transaction_id, $${values.push(place.reading)}::pg_snapshot)`);
  }
  if (place.after !== null) {
    const [transactionId, position] = [values.push(place.after.transactionId), values.push(place.after.position)];
    rest.push(`AND (transaction_id, position) > ($${transactionId}::xid8, $${position}::bigint)`);
  }
  rest.push(conditions(filter, values));
  const part = (condition: string) =>
    `(SELECT ${COLUMNS}, events.transaction_id AS "orderedBy", events.position AS "thenBy"
      FROM events WHERE ${condition} ${rest.join(' ')}
      ORDER BY events.transaction_id, events.position LIMIT $1)`;
  const parts = [part(`transaction_id >= $${values.push(from)}::xid8`)];
  if (late.length > 0) parts.push(part(`transaction_id = ANY($${values.push(late)}::xid8[])`));
  const { rows } = await sql.query<RecordedRow & { snapshot: string; orderedBy: unknown; thenBy: unknown }>(
    // One row where there is no event: the snapshot is wanted in any case, and it must be that of this statement.
    `SELECT shown.snapshot::text, unseen.* FROM (SELECT log_snapshot() AS snapshot) AS shown
     LEFT JOIN LATERAL (
       SELECT * FROM (${parts.join(' UNION ALL ')}) AS either ORDER BY "orderedBy", "thenBy" LIMIT $1
     ) AS unseen ON true
     ORDER BY "orderedBy", "thenBy"`,
    values,
  );
  const reading = place.reading ?? (rows[0]?.snapshot as string);
  const events = rows
    .filter(({ id }) => id !== null)
    .map(({ snapshot: _, orderedBy: _orderedBy, thenBy: _thenBy, ...row }) => toRecorded(row));
  const places = events.map((event) => ({ seen: place.seen, reading, after: cursorOf(event) }));
  const last = places.at(-1);
  return {
    events,
    places,
    place: last && events.length === limit ? last : { seen: reading, reading: null, after: null },
  };
}

/** An event by its id and where it is said to stand. */
export interface EventReference extends LogCursor {
  readonly id: string;
}

/** Those of some events that this log has, each where it is said to stand; a log that was restored may lack some. */
export async function heldEvents(sql: Sql, references: readonly EventReference[]): Promise<ReadonlySet<string>> {
  const { rows } = await sql.query<{ id: string }>(
    `SELECT events.id FROM events JOIN unnest($1::xid8[], $2::bigint[], $3::text[]) AS said(transaction_id, position, id)
       ON events.transaction_id = said.transaction_id AND events.position = said.position AND events.id::text = said.id`,
    [
      references.map(({ transactionId }) => transactionId),
      references.map(({ position }) => position),
      references.map(({ id }) => id),
    ],
  );
  return new Set(rows.map(({ id }) => id));
}

/** How many events `readLog` would show in all. */
export async function countLog(sql: Sql, filter: LogFilter): Promise<number> {
  const values: unknown[] = [];
  const { rows } = await sql.query<{ total: number }>(
    `SELECT count(*)::int AS total FROM events WHERE true ${conditions(filter, values)}`,
    values,
  );
  return rows[0]?.total ?? 0;
}

/** A filter as SQL; its values are added to the statement's. */
export function conditions(filter: LogFilter, values: unknown[]): string {
  const all: string[] = [];
  const where = (value: unknown, condition: (parameter: string) => string) => {
    if (value !== undefined && value !== null) all.push(`AND ${condition(`$${values.push(value)}`)}`);
  };
  where(filter.types, (types) => `type = ANY(${types}::text[])`);
  where(filter.entity, (entity) => `entity = ${entity}::uuid`);
  where(filter.actors, (actors) => `metadata->'by'->>'id' = ANY(${actors}::text[])`);
  where(
    filter.users,
    (users) => `entity IN (SELECT entity FROM events WHERE period = '-infinity'
      AND ARRAY[data->>'userId', data->>'previousUserId'] && ${users}::text[])`,
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

/** What orders an event among those that one snapshot shows. */
export function cursorOf(event: RecordedEvent): LogCursor {
  return { transactionId: event.transactionId, position: event.position };
}
