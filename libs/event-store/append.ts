import { ConcurrencyError, type Metadata, type NewEvent, type RecordedEvent } from './event.js';
import type { Sql } from './sql.js';

/** Events for one stream, after the version at which it was read. */
export interface Append {
  readonly stream: string;
  readonly entity: string;
  readonly expectedVersion: number;
  readonly events: readonly NewEvent[];
  readonly metadata: Metadata;
}

const UNIQUE_VIOLATION = '23505';

/**
 * Appends to any number of streams in one statement, within the caller's transaction.
 * @returns the events as the log holds them, with the data that was given, in the order in which they were given
 * @throws ConcurrencyError when one of the streams has grown since it was read; the transaction is then lost
 */
export async function append(sql: Sql, appends: readonly Append[]): Promise<RecordedEvent[]> {
  const rows = appends.flatMap(({ stream, entity, expectedVersion, events, metadata }) => {
    const metadataText = JSON.stringify(metadata);
    return events.map(({ type, data }, index) => {
      return { stream, version: expectedVersion + index + 1, type, entity, data, metadata, metadataText };
    });
  });
  if (rows.length === 0) return [];
  try {
    // Only what the database adds comes back, row by row as they are inserted: the rest is known here.
    const { rows: added } = await sql.query<AddedRow>(
      `INSERT INTO events (stream, version, type, entity, data, metadata)
       SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::uuid[], $5::jsonb[], $6::jsonb[])
       RETURNING position::text, transaction_id::text AS "transactionId", id, recorded_at AS "recordedAt"`,
      [
        rows.map((row) => row.stream),
        rows.map((row) => row.version),
        rows.map((row) => row.type),
        rows.map((row) => row.entity),
        rows.map((row) => JSON.stringify(row.data)),
        rows.map((row) => row.metadataText),
      ],
    );
    return added.map(({ position, transactionId, id, recordedAt }, index) => {
      const { stream, version, type, entity, data, metadata } = rows[index] as (typeof rows)[number];
      const at = new Date(recordedAt);
      return { position, transactionId, id, stream, version, type, entity, data, metadata, recordedAt: at };
    });
  } catch (error) {
    if ((error as { code?: string }).code === UNIQUE_VIOLATION) {
      throw new ConcurrencyError('the stream has grown since it was read', { cause: error });
    }
    throw error;
  }
}

type AddedRow = Pick<RecordedRow, 'position' | 'transactionId' | 'id' | 'recordedAt'>;

/** What `toRecorded` needs of a row of `events`. */
export const COLUMNS =
  'position::text, transaction_id::text AS "transactionId", id, stream, version, type, entity, data, metadata, recorded_at AS "recordedAt"';

export interface RecordedRow extends Omit<RecordedEvent, 'recordedAt'> {
  readonly recordedAt: Date | string;
}

/** A row of `events` as an event. MikroORM's pool hands timestamps over as text, `pg`'s own as dates. */
export function toRecorded(row: RecordedRow): RecordedEvent {
  return { ...row, recordedAt: new Date(row.recordedAt) };
}
