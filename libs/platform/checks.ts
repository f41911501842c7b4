import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Sql } from '@tokenlog/event-store/sql.js';
import { NotReady } from './readiness.js';

/**
 * Does what a commit does: a message that is nothing to anybody goes into PostgreSQL's log and is waited for, by the session's
 * `synchronous_commit`. And a file is made, and gone with the transaction: where the disk is full, pages that a table or the log
 * has already would still take a row.
 */
const WRITE = `SELECT CASE current_setting('transaction_read_only') WHEN 'off'
    THEN pg_logical_emit_message(true, 'tokenlog', 'ready?')::text END AS written, pg_export_snapshot()`;
const READ_ONLY = '25006';
/** For an answer of JetStream's, in ms: less than a check is waited for. */
const STREAM_MS = 1_200;

/**
 * Whether the database takes writes: cheap, without a trace, and without a lock that another could hold.
 * @throws Error as a statement of the service would, with PostgreSQL's code
 */
export async function checkDatabase(sql: Sql): Promise<void> {
  const { rows } = await sql.query<{ written: string | null }>(WRITE);
  if (rows[0]?.written === null) throw Object.assign(new Error('the database is read-only'), { code: READ_ONLY });
}

/**
 * Whether JetStream answers and has a stream: without it events are not published, and nothing else fails.
 * @throws NotReady
 */
export async function checkStream(nats: NatsConnection, stream: string): Promise<void> {
  const { streams } = await jetstreamManager(nats, { checkAPI: false, timeout: STREAM_MS });
  await streams.info(stream).catch((error: Error) => {
    throw new NotReady(`${stream} is not there: ${error.message}. Events are published once it is.`);
  });
}
