import { setTimeout as delay } from 'node:timers/promises';
import {
  type ConsumerMessages,
  DeliverPolicy,
  type JetStreamManager,
  type JsMsg,
  jetstream,
  jetstreamManager,
  type StreamInfo,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { Logger } from '@nestjs/common';
import { ConcurrencyError } from '@tokenlog/event-store/event.js';
import { asOneProcess } from '@tokenlog/event-store/one-process.js';
import { Outage } from '@tokenlog/event-store/outage.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import type { Pool, PoolClient } from 'pg';
import type { z } from 'zod';
import { type Provenance, provenanceOf } from './log-headers.js';

/** A message of a stream, by its schema, and where it is from. */
export interface StreamMessage<Message> {
  readonly sequence: number;
  readonly message: Message;
  readonly provenance: Provenance;
  /** It was in the stream when this reading began: what was restored since may know nothing of it. */
  readonly fromBefore: boolean;
}

/** How far a reader has come in a stream; kept in the database, which alone says what was done. */
export interface StreamPlace {
  readonly reader: string;
  /** When the stream was made: another one of the same name is another stream. */
  readonly streamCreated: string;
  readonly sequence: number;
}

/** What a service reads from a stream, in order, and what it does with it. */
export interface StreamReaderOptions<Message> {
  readonly stream: string;
  /** Names the place; one process at a time reads for a name. */
  readonly name: string;
  readonly schema: z.ZodType<Message>;
  /** The types of message that this version knows. Others are left for a version that does. */
  readonly types: readonly string[];
  /** A durable consumer that did this before: where it had come to is taken over, and it goes. */
  readonly replaces?: string;
  /** Called before reading begins, and again when it begins anew. */
  readonly begins?: () => Promise<void>;
  /** Called every second or so while it reads. */
  readonly meanwhile?: () => Promise<void>;
  /** Does what the messages ask for, in transactions each of which moves the place with it, by `moveStreamPlace`. */
  readonly handle: (messages: readonly StreamMessage<Message>[], from: StreamPlace) => Promise<StreamPlace>;
}

const BATCH = 256;
/** What the server sends ahead while a batch is handled. */
const AHEAD = 1024;
const RETRY_MS = 500;
const CHECK_MS = 1000;
/** Whoever asks how far it is behind waits no longer. */
const LOOK_MS = 1000;
const CATCH_UP_MS = 10_000;
const CATCH_UP_STEP_MS = 50;

/**
 * Reads a stream in order, one process at a time, from the place that the database remembers: what was done and how far it
 * has come are one transaction. A process that is killed loses the lock with its connection, and another goes on at once;
 * nothing of the server's is relied on but the stream itself, which may be deleted and made again, restored, or filled anew.
 */
export class StreamReader<Message> {
  private readonly logger: Logger;
  private readonly ending = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private readonly outage: Outage;
  private readonly toldTypes = new Set<string>();

  constructor(
    private readonly pool: Pool,
    private readonly nats: NatsConnection,
    private readonly options: StreamReaderOptions<Message>,
  ) {
    this.logger = new Logger(`Reader ${options.name}`);
    this.outage = new Outage(`reader ${options.name}`, this.logger, `${options.stream} is not read`, { level: 'warn' });
  }

  /** Starts in the background. */
  start(): void {
    this.running = this.run();
  }

  /** Stops after the batch under way. */
  async stop(): Promise<void> {
    this.ending.abort();
    await this.running;
  }

  /** Resolves when what was published so far has been handled, or after ten seconds. */
  async caughtUp(): Promise<void> {
    const deadline = performance.now() + CATCH_UP_MS;
    const { streams } = await this.manager();
    while (!this.ending.signal.aborted && performance.now() < deadline) {
      const info = await streams.info(this.options.stream).catch(() => null);
      const place = await readStreamPlace(this.pool, this.options.name);
      if (info && place?.streamCreated === info.created && place.sequence >= info.state.last_seq) return;
      await delay(CATCH_UP_STEP_MS);
    }
  }

  /** How many messages it has not handled, and when the first of them came. Whatever process reads. */
  async behind(): Promise<{ events: number; since: Date | null }> {
    const { stream, name } = this.options;
    const { streams } = await this.manager(LOOK_MS);
    const { created, state } = await streams.info(stream);
    const place = await readStreamPlace(this.pool, name);
    const from = place?.streamCreated === created ? place.sequence : 0;
    const events = Math.max(0, Math.min(state.messages, state.last_seq - from));
    if (events === 0) return { events, since: null };
    const first = await streams.getMessage(stream, { seq: Math.max(from + 1, state.first_seq) });
    return { events, since: first?.time ?? null };
  }

  private manager(timeout?: number): Promise<JetStreamManager> {
    return jetstreamManager(this.nats, { checkAPI: false, timeout });
  }

  private async run(): Promise<void> {
    const { signal } = this.ending;
    while (!signal.aborted) {
      let wait = RETRY_MS;
      try {
        // Where another process is at it, it works.
        if (!(await asOneProcess(this.pool, `reader ${this.options.name}`, (client) => this.follow(client)))) {
          this.outage.worked();
        }
      } catch (error) {
        // Its publisher makes the stream; until that has been up once there is none to read.
        if (!signal.aborted) wait = this.outage.failed(error);
      }
      await delay(wait, undefined, { signal }).catch(() => undefined);
    }
  }

  private async follow(client: PoolClient): Promise<void> {
    const manager = await this.manager();
    const info = await manager.streams.info(this.options.stream);
    const place = await this.begin(client, manager, info);
    await this.options.begins?.();
    if (this.ending.signal.aborted) return;
    await this.takeUpLeftMessages(client, manager, place);
    const consumer = await jetstream(this.nats).consumers.get(this.options.stream, {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: place.sequence + 1,
    });
    const messages = await consumer.consume({ max_messages: AHEAD, idle_heartbeat: CHECK_MS });
    const reading = new Reading(place, info.state.last_seq);
    // Whoever has lost the lock stops; what it does meanwhile, `moveStreamPlace` refuses.
    client.on('error', reading.end);
    this.ending.signal.addEventListener('abort', reading.end);
    // Told to stop while the consumer was being made.
    if (this.ending.signal.aborted) reading.end();
    const watch = this.watch(manager, reading);
    try {
      // Whatever the server does not say: an iterator that waits for it must not keep the lock.
      await Promise.race([this.read(client, messages, reading), reading.ended]);
      await reading.underWay;
    } finally {
      reading.end();
      watch.abort();
      client.off('error', reading.end);
      this.ending.signal.removeEventListener('abort', reading.end);
      messages.close().catch(() => undefined);
    }
  }

  private async read(sql: Sql, messages: ConsumerMessages, reading: Reading): Promise<void> {
    let batch: JsMsg[] = [];
    for await (const message of messages) {
      if (reading.hasEnded) return;
      batch.push(message);
      if (batch.length < BATCH && message.info.pending > 0) continue;
      const handling = this.handle(sql, batch, reading);
      reading.underWay = handling.catch(() => undefined);
      reading.place = await handling;
      batch = [];
    }
  }

  /** Where to go on: at the remembered place, or at the start of a stream that is another one than then. */
  private async begin(sql: Sql, { consumers }: JetStreamManager, { created, state }: StreamInfo): Promise<StreamPlace> {
    const { name: reader, stream, replaces } = this.options;
    const remembered = await readStreamPlace(sql, reader);
    const replaced = replaces ? await consumers.info(stream, replaces).catch(() => null) : null;
    let sequence = remembered?.sequence ?? replaced?.ack_floor.stream_seq ?? 0;
    if (remembered && remembered.streamCreated !== created) {
      this.logger.warn(`${stream} was made anew at ${created}; it is read from its start`);
      sequence = 0;
    }
    if (sequence > state.last_seq) {
      this.logger.warn(
        `${stream} has lost its end behind ${state.last_seq}; what is written there again is read again`,
      );
      sequence = state.last_seq;
    }
    const place = { reader, streamCreated: created, sequence };
    await sql.query(
      `INSERT INTO stream_places (reader, stream_created, sequence) VALUES ($1, $2, $3)
       ON CONFLICT (reader) DO UPDATE SET stream_created = excluded.stream_created, sequence = excluded.sequence`,
      [reader, created, sequence],
    );
    if (replaced && replaces) await consumers.delete(stream, replaces);
    return place;
  }

  private async handle(sql: Sql, batch: readonly JsMsg[], { place: from, beganAt }: Reading): Promise<StreamPlace> {
    const known: StreamMessage<Message>[] = [];
    for (const message of batch) {
      const parsed = this.parse(message, beganAt);
      if (parsed === 'left') await this.leave(sql, message);
      else if (parsed) known.push(parsed);
    }
    const place = known.length > 0 ? await this.options.handle(known, from) : from;
    const last = batch.at(-1)?.seq ?? place.sequence;
    if (last <= place.sequence) return place;
    return moveStreamPlace(sql, place, last);
  }

  private parse(message: JsMsg, beganAt: number): StreamMessage<Message> | 'left' | null {
    let body: unknown;
    try {
      body = message.json();
    } catch {
      // Not JSON: refused by the schema.
    }
    const parsed = this.options.schema.safeParse(body);
    if (parsed.success) {
      const { seq: sequence } = message;
      const provenance = provenanceOf(message.headers);
      return { sequence, message: parsed.data, provenance, fromBefore: sequence <= beganAt };
    }
    const { type } = (body ?? {}) as { type?: unknown };
    if (typeof type === 'string' && !this.options.types.includes(type)) {
      if (!this.toldTypes.has(type)) {
        this.toldTypes.add(type);
        this.logger.warn(`messages of type ${type} are left for a version that knows them; all others go on`);
      }
      return 'left';
    }
    this.logger.error(
      `${message.subject} #${message.seq} is not by the contract and is left out: ${parsed.error.message}`,
    );
    return null;
  }

  private async leave(sql: Sql, { seq, subject }: JsMsg): Promise<void> {
    const { name } = this.options;
    await sql.query('INSERT INTO left_messages VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [name, seq, subject]);
  }

  /** Those that an older version left; what the stream does not have any more is gone. */
  private async takeUpLeftMessages(sql: Sql, { streams }: JetStreamManager, place: StreamPlace): Promise<void> {
    const { name, stream, types } = this.options;
    const { rows } = await sql.query<{ sequence: number; subject: string }>(
      'SELECT sequence::float8, subject FROM left_messages WHERE reader = $1 ORDER BY sequence',
      [name],
    );
    for (const { sequence, subject } of rows) {
      if (!types.includes(subject.slice(subject.indexOf('.') + 1))) continue;
      const stored = await streams.getMessage(stream, { seq: sequence });
      const parsed = this.options.schema.safeParse(stored?.json());
      if (stored && parsed.success) {
        const message = { message: parsed.data, provenance: provenanceOf(stored.header), fromBefore: true };
        await this.options.handle([{ ...message, sequence: place.sequence }], place);
      }
      await sql.query('DELETE FROM left_messages WHERE reader = $1 AND sequence = $2', [name, sequence]);
    }
  }

  /** A stream or consumer that somebody changed under it is found within a second or two. */
  private watch(manager: JetStreamManager, reading: Reading) {
    const watching = new AbortController();
    const look = async () => {
      let behind = { sequence: -1, times: 0 };
      while (!watching.signal.aborted) {
        await delay(CHECK_MS, undefined, { signal: watching.signal });
        const { sequence, streamCreated } = reading.place;
        const { created, state } = await manager.streams.info(this.options.stream);
        if (created !== streamCreated || state.last_seq < sequence) throw new Error('the stream is not what it was');
        const stands = state.last_seq > sequence && sequence === behind.sequence;
        behind = { sequence, times: stands ? behind.times + 1 : 0 };
        if (behind.times > STANDS_AFTER) throw new Error('nothing comes any more, though there is something to come');
        await this.options.meanwhile?.();
        this.outage.worked();
      }
    };
    look().catch((error: Error) => {
      if (!watching.signal.aborted) reading.fail(error);
    });
    return watching;
  }
}

/** One reading of a stream, from when the lock was taken until it ends. */
class Reading {
  hasEnded = false;
  /** Settles with the batch that is being handled. */
  underWay: Promise<unknown> = Promise.resolve();
  /** Resolves when reading is to end, rejects when that is for a failure. */
  readonly ended: Promise<void>;
  readonly end: () => void;
  readonly fail: (error: Error) => void;

  constructor(
    public place: StreamPlace,
    /** The last sequence that the stream had then. */
    readonly beganAt: number,
  ) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ended = promise;
    // Nobody may be waiting for it when it fails.
    promise.catch(() => undefined);
    this.end = () => {
      this.hasEnded = true;
      resolve();
    };
    this.fail = (error) => {
      this.hasEnded = true;
      reject(error);
    };
  }
}

/** Looks in a row that find it at the same place with something before it. */
const STANDS_AFTER = 4;

/** How far a reader has come; null: it has not begun. */
export async function readStreamPlace(sql: Sql, reader: string): Promise<StreamPlace | null> {
  const { rows } = await sql.query<StreamPlace>(
    `SELECT reader, stream_created AS "streamCreated", sequence::float8 FROM stream_places WHERE reader = $1`,
    [reader],
  );
  return rows[0] ?? null;
}

/**
 * Moves the place, in the transaction that does what was read up to there.
 * @throws ConcurrencyError where another process has moved it: that one has the lock now
 */
export async function moveStreamPlace(sql: Sql, from: StreamPlace, sequence: number): Promise<StreamPlace> {
  const { rows } = await sql.query(
    `UPDATE stream_places SET sequence = $4 WHERE reader = $1 AND stream_created = $2 AND sequence = $3 RETURNING reader`,
    [from.reader, from.streamCreated, from.sequence, sequence],
  );
  if (rows.length === 0) throw new ConcurrencyError(`another process reads for ${from.reader}`);
  return { ...from, sequence };
}

/** The DDL of what a reader remembers, in a service's schema. */
export function streamPlaces(schema: string, role: string): string[] {
  return [
    `CREATE TABLE ${schema}.stream_places (
      reader text PRIMARY KEY,
      stream_created text NOT NULL,
      sequence bigint NOT NULL
    )`,
    `CREATE TABLE ${schema}.left_messages (
      reader text NOT NULL,
      sequence bigint NOT NULL,
      subject text NOT NULL,
      PRIMARY KEY (reader, sequence)
    )`,
    `GRANT SELECT, INSERT, UPDATE ON ${schema}.stream_places TO ${role}`,
    `GRANT SELECT, INSERT, DELETE ON ${schema}.left_messages TO ${role}`,
  ];
}
