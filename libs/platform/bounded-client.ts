import { AsyncLocalStorage } from 'node:async_hooks';
import type { Logger } from '@nestjs/common';
import pg from 'pg';
import type { DatabaseConnection } from './database-url.js';

/** How long a request waits for one statement: whoever asked was promised an answer within two seconds. In ms. */
const STATEMENT_MS = 1_800;
/** How long what a service does by itself waits for one: it may write tens of thousands of rows. In ms. */
const PATIENT_MS = 60_000;
/** For a free connection of the pool, or for a new one to be made. In ms. */
const CONNECTION_MS = 1_500;
/** Shorter than a statement, so that PostgreSQL says itself what was waited for, and the connection stays. In ms. */
const LOCK_MS = 1_600;
/** A transaction whose client has forgotten it must not hold its locks for ever. In ms. */
const IDLE_IN_TRANSACTION_MS = 30_000;
const KEEP_ALIVE_AFTER_MS = 10_000;

/** What is left of an answer's time is enough to roll back with, and to keep a connection that is well. In ms. */
const LEAST_MS = 200;

interface Wait {
  /** For one statement, in ms. */
  readonly statement: number;
  /** Of all of them, on the monotonic clock. */
  readonly end: number;
}

const OF_A_REQUEST: Wait = { statement: STATEMENT_MS, end: Number.POSITIVE_INFINITY };
const waits = new AsyncLocalStorage<Wait>();

/**
 * Runs work that no caller waits for, a consumer or a sweep for instance: each of its statements may take a minute, where
 * one of a request may take 1.8 s. What the work starts is as patient as it is.
 */
export function patiently<Result>(work: () => Result): Result {
  return waits.run({ statement: PATIENT_MS, end: Number.POSITIVE_INFINITY }, work);
}

/** Runs work whose caller waits for so many milliseconds: its statements end within them, together. */
export function answering<Result>(milliseconds: number, work: () => Result): Result {
  return waits.run({ statement: STATEMENT_MS, end: performance.now() + milliseconds }, work);
}

/** Whether what is done now is done `patiently`. */
export function isPatient(): boolean {
  return waits.getStore()?.statement === PATIENT_MS;
}

/** How long the caller that is being answered still waits, in ms, where that is known. */
export function timeLeft(): number | undefined {
  const end = waits.getStore()?.end ?? Number.POSITIVE_INFINITY;
  return end === Number.POSITIVE_INFINITY ? undefined : end - performance.now();
}

/**
 * A connection on which no statement is waited for without end. A PostgreSQL that stands still ends none by itself: then the
 * statement fails with the code `ETIMEDOUT` and the connection is thrown away, since its answer may still come.
 */
export class BoundedClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    // The statement under way fails and says so; without a listener the process would end.
    this.on('error', () => undefined);
  }

  override query(...args: never[]): never {
    // A cursor reads for as long as its reader likes.
    if (isSubmittable(args[0])) return super.query(...(args as unknown as [string])) as never;
    const { statement, end } = waits.getStore() ?? OF_A_REQUEST;
    const limit = Math.max(LEAST_MS, Math.min(statement, end - performance.now()));
    const timer = setTimeout(() => this.giveUp(limit), limit);
    const done = () => clearTimeout(timer);
    const callback: unknown = args.at(-1);
    if (typeof callback === 'function') {
      args[args.length - 1] = ((...outcome: unknown[]) => {
        done();
        callback(...outcome);
      }) as never;
    }
    const result: unknown = super.query(...(args as unknown as [string]));
    if (result instanceof Promise) result.then(done, done);
    return result as never;
  }

  private giveUp(limit: number): void {
    const error = Object.assign(
      new Error(`PostgreSQL did not answer a statement within ${(limit / 1000).toFixed(1)} s`),
      {
        code: 'ETIMEDOUT',
      },
    );
    // `end` would say goodbye and wait for the answer.
    (this as unknown as { connection: { stream: { destroy(error: Error): void } } }).connection.stream.destroy(error);
  }
}

function isSubmittable(query: unknown): boolean {
  return typeof query === 'object' && query !== null && 'submit' in query;
}

/** What the pools of a running service share: every wait on PostgreSQL has a limit. Migrations and rebuilds have none. */
export const boundedPool = {
  Client: BoundedClient,
  connectionTimeoutMillis: CONNECTION_MS,
  lock_timeout: LOCK_MS,
  // The server's own bound, for what its client has given up.
  statement_timeout: PATIENT_MS,
  idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
  keepAlive: true,
  keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
} as const;

/**
 * A pool beside the service's, for what must not wait for that, with these limits.
 * @param logger told when a connection is lost that nobody uses
 */
export function ownPool(
  connection: DatabaseConnection,
  settings: pg.PoolConfig,
  logger: Pick<Logger, 'warn'>,
): pg.Pool {
  const pool = new pg.Pool({ ...bounded(connection), ...settings });
  pool.on('error', (error) => logger.warn(`idle connection lost: ${error.message}`));
  return pool;
}

/** A connection with these limits; a shorter wait for it that its URL asks for stays. */
export function bounded(connection: DatabaseConnection) {
  const { connectionTimeoutMillis = CONNECTION_MS } = connection;
  return {
    ...boundedPool,
    ...connection,
    connectionTimeoutMillis: Math.min(connectionTimeoutMillis, CONNECTION_MS),
  };
}
