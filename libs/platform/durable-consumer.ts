import { setTimeout as delay } from 'node:timers/promises';
import {
  AckPolicy,
  type Consumer,
  type ConsumerAPI,
  type ConsumerConfig,
  DeliverPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type JsMsg,
  jetstream,
  jetstreamManager,
  type StreamConfig,
} from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { Logger } from '@nestjs/common';
import { Outage } from '@tokenlog/event-store/outage.js';
import type { z } from 'zod';
import { RepeatedLines } from './repeated-lines.js';

/** What a service reads from a stream, and what it does with it. */
export interface DurableConsumerOptions<Message> {
  readonly stream: string;
  /** Names how far it has come; replicas of a service share it. */
  readonly durable: string;
  /** Of all that the stream holds; left out: everything. */
  readonly subject?: string;
  readonly schema: z.ZodType<Message>;
  /** How many this process handles at once. Default 16. */
  readonly atOnce?: number;
  /**
   * How long after a process that handles a message has died another one is given it, in milliseconds; while it lives, the
   * handler may take as long as it likes. Default 2 s.
   */
  readonly ackWaitMs?: number;
  /** How long a message that failed waits, in milliseconds, by the number of its attempts. Default always half a second. */
  readonly backOffMs?: readonly number[];
  /** Makes the stream where it is missing, and keeps it so; left out: whoever publishes makes it. */
  readonly make?: Partial<StreamConfig> & { readonly subjects: string[] };
  /** Must be idempotent, and have committed when it resolves: a message comes at least once. `subject`: it came on. */
  readonly handle: (message: Message, subject: string) => Promise<unknown>;
}

/** PostgreSQL's codes for values that it cannot take: trying again would find the same. */
const UNUSABLE = /^22[0-9A-Z]{3}$/;
const RETRY_MS = 500;
const ACK_WAIT_MS = 2000;
/** How often a message that is still being handled is said to be, within the time that it may be silent. */
const TOLD_IN_TIME = 3;
/** How often it is looked whether consumer and stream are as they were made. */
const CHECK_MS = 1000;
/** A message is asked for again after this long, which is how soon a consumer that was made again is heard of at the latest. */
const ASK_MS = 2000;
const IN_PARALLEL = 16;
/** Enough that messages which wait for their next attempt do not keep the others back. */
const UNACKNOWLEDGED = 1000;
/** How often it is looked whether there is a consumer yet. */
const STEP_MS = 50;
/** Whoever asks how far it is behind waits no longer. */
const LOOK_MS = 1000;

/** What a consumer of ours never has: each would have it leave out, lose or send elsewhere what it is to deliver. */
const UNWANTED = [
  'backoff',
  'deliver_group',
  'deliver_subject',
  'filter_subjects',
  'headers_only',
  'inactive_threshold',
  'max_batch',
  'max_bytes',
  'max_expires',
  'opt_start_seq',
  'opt_start_time',
  'pause_until',
  'priority_groups',
  'rate_limit_bps',
] as const satisfies readonly (keyof ConsumerConfig)[];

/** A header of messages that are delivered without what is in them. */
const WITHOUT_CONTENT = 'Nats-Msg-Size';

/** What the server changes of a consumer that stays where it is. */
const CHANGEABLE: readonly (keyof ConsumerConfig)[] = ['ack_wait', 'max_ack_pending'];

/**
 * Reads a stream from where it stopped last, and acknowledges each message when it has been handled. What came while the
 * service was down is waiting. A stream or consumer that is deleted, or that somebody made another, is made again within
 * seconds.
 */
export class DurableConsumer<Message> {
  private readonly logger: Logger;
  private readonly refused: RepeatedLines;
  private readonly ending = new AbortController();
  private running: Promise<unknown> = Promise.resolve();
  /** Handed out while the consumer is as it was asked for. */
  private consumer: Consumer | undefined;
  private readonly reading: Outage;
  private readonly handling: Outage;

  constructor(
    private readonly nats: NatsConnection,
    private readonly options: DurableConsumerOptions<Message>,
  ) {
    this.logger = new Logger(`Consumer ${options.durable}`);
    this.refused = new RepeatedLines(this.logger);
    const { stream, durable } = options;
    this.reading = new Outage(`consumer ${durable}`, this.logger, `${stream} is not read`, {
      steadyMs: 0,
      level: 'warn',
    });
    this.handling = new Outage(`messages of ${durable}`, this.logger, `a message of ${stream} is not done`, {
      steadyMs: 0,
    });
  }

  /** Starts in the background. */
  start(): void {
    const { atOnce = IN_PARALLEL } = this.options;
    const workers = Array.from({ length: atOnce }, () => this.work());
    this.running = Promise.all([this.watch(), ...workers]);
  }

  /** Stops after the messages under way. */
  async stop(): Promise<void> {
    this.ending.abort();
    await this.running;
  }

  /** How many messages are not done, and when the first of them came, where the stream is a queue of this consumer's own. */
  async behind(): Promise<{ events: number; since: Date | null }> {
    const { stream, durable, make } = this.options;
    const { consumers, streams } = await jetstreamManager(this.nats, { checkAPI: false, timeout: LOOK_MS });
    const { num_pending, num_ack_pending } = await consumers.info(stream, durable);
    const events = num_pending + num_ack_pending;
    const since = make && events > 0 ? (await streams.info(stream)).state.first_ts : null;
    return { events, since: since === null ? null : new Date(since) };
  }

  /** Sees to it that stream and consumer are there and as they should be, all the time. */
  private async watch(): Promise<void> {
    const manager = await jetstreamManager(this.nats, { checkAPI: false });
    let made = false;
    while (!this.ending.signal.aborted) {
      let wait = CHECK_MS;
      try {
        await this.ensureStream(manager.streams);
        const changed = await this.ensureConsumer(manager.consumers, made);
        made = true;
        if (changed || !this.consumer) {
          this.consumer = await jetstream(this.nats).consumers.get(this.options.stream, this.options.durable);
        }
        this.reading.worked();
      } catch (error) {
        // Its publisher makes the stream; until that has been up once there is none to read.
        if (!this.ending.signal.aborted) wait = this.reading.failed(error);
      }
      await this.pause(wait);
    }
  }

  private async ensureStream(streams: Awaited<ReturnType<typeof jetstreamManager>>['streams']): Promise<void> {
    const { stream, make } = this.options;
    if (!make) return;
    const found = await streams.info(stream).catch(unlessMissing(JetStreamApiCodes.StreamNotFound));
    if (!found) {
      await streams.add({ name: stream, ...make });
      return;
    }
    const differing = Object.entries(make).filter(
      ([key, value]) => JSON.stringify(found.config[key as keyof StreamConfig]) !== JSON.stringify(value),
    );
    if (differing.length === 0) return;
    await streams.update(stream, Object.fromEntries(differing));
    this.logger.warn(
      `${stream} was another one (${differing.map(([key]) => key).join(', ')}) and is as it should be again`,
    );
  }

  /** @returns whether it had to be made, or made again */
  private async ensureConsumer(consumers: ConsumerAPI, made: boolean): Promise<boolean> {
    const { stream, durable, subject, ackWaitMs } = this.options;
    const wanted = {
      durable_name: durable,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(ackWaitMs ?? ACK_WAIT_MS),
      max_ack_pending: UNACKNOWLEDGED,
      ...(subject && { filter_subject: subject }),
    };
    const found = await consumers.info(stream, durable).catch(unlessMissing(JetStreamApiCodes.ConsumerNotFound));
    const differing = found ? differencesOf(found.config, wanted) : [];
    if (found && differing.length === 0) return false;
    if (found && differing.every((key) => CHANGEABLE.includes(key))) {
      await consumers.update(stream, durable, { ack_wait: wanted.ack_wait, max_ack_pending: wanted.max_ack_pending });
      return true;
    }
    if (found) await consumers.delete(stream, durable);
    await consumers.add(stream, wanted);
    const why = found ? `was another one (${differing.join(', ')})` : 'was gone';
    if (made || found) this.logger.error(`the consumer ${durable} of ${stream} ${why}, and was made again`);
    return true;
  }

  /** Takes one message after the other, none ahead: one that waits here could not be taken over in time. */
  private async work(): Promise<void> {
    while (!this.ending.signal.aborted) {
      const { consumer } = this;
      try {
        if (!consumer) await this.pause(STEP_MS);
        else await this.takeNext(consumer);
      } catch {
        // The consumer or the server is away: `watch` says so, and makes it again.
        await this.pause(RETRY_MS);
      }
    }
  }

  private async takeNext(consumer: Consumer): Promise<void> {
    const { signal } = this.ending;
    const next = consumer.next({ expires: ASK_MS });
    const ended = Promise.withResolvers<'ended'>();
    const onAbort = () => ended.resolve('ended');
    signal.addEventListener('abort', onAbort);
    try {
      const message = await Promise.race([next, ended.promise]);
      if (message !== 'ended') {
        if (message) await this.take(message);
        return;
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
    // What still comes is for another replica, at once.
    next.then(
      (message) => message?.nak(),
      () => undefined,
    );
  }

  private async take(message: JsMsg): Promise<void> {
    if (message.headers?.has(WITHOUT_CONTENT)) {
      // Of a consumer that somebody made to deliver so; it comes again from one that was made again.
      message.nak(RETRY_MS);
      return;
    }
    const parsed = this.options.schema.safeParse(parse(message));
    if (!parsed.success) {
      const line = `${message.subject} #${message.seq} is not by the contract and is left out: ${parsed.error.message}`;
      this.refused.error(message.subject, line);
      // Without a reason: servers before 2.10.4 do not understand one, and deliver again.
      message.term();
      return;
    }
    const alive = setInterval(() => message.working(), (this.options.ackWaitMs ?? ACK_WAIT_MS) / TOLD_IN_TIME);
    try {
      await this.options.handle(parsed.data, message.subject);
      this.handling.worked();
      await message.ackAck();
    } catch (error) {
      const { backOffMs = [RETRY_MS] } = this.options;
      const wait = backOffMs[Math.min(message.info.deliveryCount, backOffMs.length) - 1] ?? RETRY_MS;
      const { code, message: said } = error as Error & { code?: string };
      if (code && UNUSABLE.test(code)) {
        this.refused.error(
          message.subject,
          `${message.subject} #${message.seq} is left out, it will never do: ${code}`,
        );
        message.term();
        return;
      }
      this.handling.failed(new Error(`${message.subject} #${message.seq}: ${code ?? said}`));
      message.nak(wait);
    } finally {
      clearInterval(alive);
    }
  }

  private async pause(milliseconds: number): Promise<void> {
    await delay(milliseconds, undefined, { signal: this.ending.signal }).catch(() => undefined);
  }
}

/** The settings in which a consumer is another one than was asked for. */
function differencesOf(config: ConsumerConfig, wanted: Partial<ConsumerConfig>): (keyof ConsumerConfig)[] {
  const keys: (keyof ConsumerConfig)[] = [
    'ack_policy',
    'deliver_policy',
    'ack_wait',
    'max_ack_pending',
    'filter_subject',
    ...UNWANTED,
  ];
  const differing = keys.filter((key) => (config[key] || undefined) !== wanted[key]);
  return (config.max_deliver ?? -1) === -1 ? differing : [...differing, 'max_deliver'];
}

function unlessMissing(code: number): (error: unknown) => null {
  return (error) => {
    if (error instanceof JetStreamApiError && error.code === code) return null;
    throw error;
  };
}

function parse(message: JsMsg): unknown {
  try {
    return message.json();
  } catch {
    // Not JSON: refused by the schema, with the subject and sequence in the log.
    return undefined;
  }
}
