import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { COLUMNS, type RecordedRow, toRecorded } from './append.js';
import type { LogCursor, RecordedEvent } from './event.js';
import type { EventStore } from './event-store.js';
import { asOneProcess } from './one-process.js';
import { Outage } from './outage.js';
import { LOG_START, type Place, placeBehind } from './place.js';
import { readLog } from './read.js';
import type { Sql } from './sql.js';

/** A reader of the log that remembers how far it has come. */
export interface Subscriber {
  /** Names the checkpoint; one process at a time runs a name. */
  readonly name: string;
  /** The types that this version knows; left out: all. Events of others are left for a version that knows them. */
  readonly types?: readonly string[];
  /** Called on taking the lock: where to go on instead of at the checkpoint, if its target knows better. */
  readonly resume?: (checkpoint: Place, sql: Sql) => Promise<Place>;
  /** Delivers to the outside, before the checkpoint moves: at least once. `places`: behind each of the events. */
  readonly deliver?: (events: readonly RecordedEvent[], places: readonly Place[]) => Promise<void>;
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
/** How long a process that waits for the lock of another waits before it tries again. */
const RETRY_MS = 500;

/**
 * Runs a subscriber until it is stopped. Holds an advisory lock on a connection of its own, and moves the checkpoint on
 * that same connection: whoever has lost the lock can no longer move it, and another process takes over.
 */
export class Subscription {
  private readonly logger: Logger;
  private running: Promise<void> = Promise.resolve();
  private ending = new AbortController();
  private readonly outage: Outage;
  private woken = false;
  private wakeUp: () => void = () => {};
  private unlisten: () => void = () => {};
  private readonly toldTypes = new Set<string>();

  constructor(
    private readonly store: EventStore,
    private readonly subscriber: Subscriber,
  ) {
    this.logger = new Logger(`Subscription ${subscriber.name}`);
    this.outage = new Outage(`subscription ${subscriber.name}`, this.logger, 'the log is not followed');
  }

  /** Starts in the background. */
  start(): void {
    this.ending = new AbortController();
    this.unlisten = this.store.onAppended(() => this.wake());
    this.running = this.run();
  }

  /** Stops after the batch under way. */
  async stop(): Promise<void> {
    this.ending.abort();
    this.unlisten();
    this.wake();
    await this.running;
  }

  private wake(): void {
    this.woken = true;
    this.wakeUp();
  }

  private async run(): Promise<void> {
    const { signal } = this.ending;
    while (!signal.aborted) {
      let wait = RETRY_MS;
      try {
        // Where another process is at it, it works.
        if (!(await asOneProcess(this.store.pool, this.subscriber.name, (client) => this.follow(client)))) {
          this.outage.worked();
        }
      } catch (error) {
        if (!signal.aborted) wait = this.outage.failed(error);
      }
      // Whatever is appended meanwhile: it would be tried without a pause.
      await delay(wait, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Reads until it is stopped or fails. */
  private async follow(client: PoolClient): Promise<void> {
    // Before it trusts its checkpoint: the database may have been restored under a running service.
    await client.query('SELECT continue_log()');
    const checkpoint = await readCheckpoint(client, this.subscriber.name);
    let place = this.subscriber.resume ? await this.subscriber.resume(checkpoint, client) : checkpoint;
    await this.takeUpLeftEvents(client, place);
    let checked = performance.now();
    while (!this.ending.signal.aborted) {
      this.woken = false;
      const page = await readLog(client, place, BATCH);
      if (page.events.length === 0) {
        // Not kept: a snapshot without news says no more than the one before.
        place = page.place;
        if (this.subscriber.check && performance.now() - checked > CHECK_MS) {
          await this.subscriber.check();
          checked = performance.now();
        }
        this.outage.worked();
        await this.pause(POLL_MS);
        continue;
      }
      const known = page.events.filter((event) => this.knows(event));
      if (known.length > 0) {
        await this.subscriber.deliver?.(
          known,
          page.places.filter((_, index) => this.knows(page.events[index] as RecordedEvent)),
        );
      }
      await this.advance(client, known, page.place, page.events.at(-1) as RecordedEvent, async () => {
        for (const event of page.events) if (!this.knows(event)) await this.leave(client, event);
      });
      place = page.place;
      this.outage.worked();
      if (page.events.length < BATCH) await delay(GATHER_MS);
    }
  }

  private knows({ type }: RecordedEvent): boolean {
    return this.subscriber.types?.includes(type) ?? true;
  }

  /** Remembers an event for a version that knows its type: nothing behind it waits for that. */
  private async leave(sql: Sql, event: RecordedEvent): Promise<void> {
    if (!this.toldTypes.has(event.type)) {
      this.toldTypes.add(event.type);
      this.logger.warn(`events of type ${event.type} are left for a version that knows them; all others go on`);
    }
    await sql.query('INSERT INTO left_events VALUES ($1, $2::xid8, $3, $4) ON CONFLICT DO NOTHING', [
      this.subscriber.name,
      event.transactionId,
      event.position,
      event.type,
    ]);
  }

  /** Does with the events that an older version left what is done with every other. */
  private async takeUpLeftEvents(client: PoolClient, place: Place): Promise<void> {
    for (;;) {
      const { rows } = await client.query<RecordedRow>(
        `SELECT ${COLUMNS} FROM events
         WHERE (transaction_id, position) IN (
           SELECT transaction_id, position FROM left_events
           WHERE subscription = $1 AND ($2::text[] IS NULL OR type = ANY($2)) ORDER BY 1, 2 LIMIT $3)
         ORDER BY events.transaction_id, events.position`,
        [this.subscriber.name, this.subscriber.types ?? null, BATCH],
      );
      const events = rows.map(toRecorded);
      if (events.length === 0) return;
      await this.subscriber.deliver?.(
        events,
        events.map(() => place),
      );
      await this.advance(client, events, place, place.after ?? (events.at(-1) as RecordedEvent), async () => {
        await client.query(
          `DELETE FROM left_events WHERE subscription = $1 AND (transaction_id, position) IN
             (SELECT * FROM unnest($2::xid8[], $3::bigint[]))`,
          [
            this.subscriber.name,
            events.map(({ transactionId }) => transactionId),
            events.map(({ position }) => position),
          ],
        );
      });
    }
  }

  private async advance(
    client: PoolClient,
    events: readonly RecordedEvent[],
    place: Place,
    last: LogCursor,
    besides: () => Promise<void>,
  ): Promise<void> {
    await client.query('BEGIN');
    try {
      if (events.length > 0) await this.subscriber.project?.(client, events);
      await besides();
      await client.query(
        `INSERT INTO checkpoints (subscription, seen, reading, transaction_id, position) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (subscription) DO UPDATE SET seen = excluded.seen, reading = excluded.reading,
           transaction_id = excluded.transaction_id, position = excluded.position`,
        [
          this.subscriber.name,
          place.seen,
          place.reading,
          // Where nothing is left of the snapshot: the last event, by which versions from before snapshots go on.
          last.transactionId,
          last.position,
        ],
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

/** How far a subscription has come; of one from before places were snapshots, what that comes to. */
export async function readCheckpoint(sql: Sql, name: string): Promise<Place> {
  const { rows } = await sql.query<{
    seen: string | null;
    reading: string | null;
    transactionId: string | null;
    position: string | null;
  }>(
    `SELECT seen::text, reading::text, transaction_id::text AS "transactionId", position::text FROM checkpoints
     WHERE subscription = $1`,
    [name],
  );
  const row = rows[0];
  if (!row) return LOG_START;
  const { seen, reading, transactionId, position } = row;
  const last: LogCursor | null = transactionId !== null && position !== null ? { transactionId, position } : null;
  if (seen === null) return last ? placeBehind(last) : LOG_START;
  return { seen, reading, after: reading === null ? null : last };
}
