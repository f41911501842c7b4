import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { LOG_START, type LogCursor, type RecordedEvent } from './event.js';
import type { EventStore } from './event-store.js';
import { asOneProcess } from './one-process.js';
import { cursorOf, readLog } from './read.js';
import type { Sql } from './sql.js';

/** A reader of the log that remembers how far it has come. */
export interface Subscriber {
  /** Names the checkpoint; one process at a time runs a name. */
  readonly name: string;
  /** Called on taking the lock: where to go on instead of at the checkpoint, if its target knows better. */
  readonly resume?: (checkpoint: LogCursor) => Promise<LogCursor>;
  /** Delivers to the outside, before the checkpoint moves: at least once, in the order of commits. */
  readonly deliver?: (events: readonly RecordedEvent[]) => Promise<void>;
  /** Called every second or so while nothing is appended: rejects when what was delivered is lost; `resume` then decides. */
  readonly check?: () => Promise<void>;
  /** Writes to this database, in the transaction in which the checkpoint moves: exactly once. */
  readonly project?: (sql: Sql, events: readonly RecordedEvent[]) => Promise<void>;
}

const BATCH = 500;
/** After a batch that was not full: what is appended in a trickle is then read, delivered and noted together. */
const GATHER_MS = 20;
/** How long an append of another process may go unnoticed. */
const POLL_MS = 100;
const CHECK_MS = 1000;
/** How long a failed delivery, or a process that waits for the lock of another, waits before it tries again. */
const RETRY_MS = 500;

/**
 * Runs a subscriber until it is stopped. Holds an advisory lock on a connection of its own, and moves the checkpoint on
 * that same connection: whoever has lost the lock can no longer move it, and another process takes over.
 */
export class Subscription {
  private readonly logger: Logger;
  private running: Promise<void> = Promise.resolve();
  private stopping = false;
  private woken = false;
  private wakeUp: () => void = () => {};
  private unlisten: () => void = () => {};

  constructor(
    private readonly store: EventStore,
    private readonly subscriber: Subscriber,
  ) {
    this.logger = new Logger(`Subscription ${subscriber.name}`);
  }

  /** Starts in the background. */
  start(): void {
    this.stopping = false;
    this.unlisten = this.store.onAppended(() => this.wake());
    this.running = this.run();
  }

  /** Stops after the batch under way. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.unlisten();
    this.wake();
    await this.running;
  }

  private wake(): void {
    this.woken = true;
    this.wakeUp();
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      try {
        await asOneProcess(this.store.pool, this.subscriber.name, (client) => this.follow(client));
      } catch (error) {
        if (!this.stopping) this.logger.error((error as Error).message);
      }
      if (!this.stopping) await this.pause(RETRY_MS);
    }
  }

  /** Reads until it is stopped or fails. */
  private async follow(client: PoolClient): Promise<void> {
    const checkpoint = await readCheckpoint(client, this.subscriber.name);
    let cursor = this.subscriber.resume ? await this.subscriber.resume(checkpoint) : checkpoint;
    let checked = performance.now();
    while (!this.stopping) {
      this.woken = false;
      const events = await readLog(client, cursor, BATCH);
      const last = events.at(-1);
      if (!last) {
        if (this.subscriber.check && performance.now() - checked > CHECK_MS) {
          await this.subscriber.check();
          checked = performance.now();
        }
        await this.pause(POLL_MS);
        continue;
      }
      await this.subscriber.deliver?.(events);
      await this.advance(client, events, cursorOf(last));
      cursor = cursorOf(last);
      if (events.length < BATCH) await delay(GATHER_MS);
    }
  }

  private async advance(client: PoolClient, events: readonly RecordedEvent[], cursor: LogCursor): Promise<void> {
    await client.query('BEGIN');
    try {
      await this.subscriber.project?.(client, events);
      await client.query(
        `INSERT INTO checkpoints (subscription, transaction_id, position) VALUES ($1, $2::xid8, $3)
         ON CONFLICT (subscription) DO UPDATE SET transaction_id = excluded.transaction_id, position = excluded.position`,
        [this.subscriber.name, cursor.transactionId, cursor.position],
      );
      await client.query('COMMIT');
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  /** Waits until something is appended, or for so long. */
  private async pause(milliseconds: number): Promise<void> {
    if (this.woken) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** How far a subscription has come. */
export async function readCheckpoint(sql: Sql, name: string): Promise<LogCursor> {
  const { rows } = await sql.query<LogCursor>(
    `SELECT transaction_id::text AS "transactionId", position::text FROM checkpoints WHERE subscription = $1`,
    [name],
  );
  return rows[0] ?? LOG_START;
}
