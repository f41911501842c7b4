import { setTimeout as delay } from 'node:timers/promises';
import {
  AckPolicy,
  type ConsumerMessages,
  DeliverPolicy,
  type JsMsg,
  jetstream,
  jetstreamManager,
  type StreamConfig,
} from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { Logger } from '@nestjs/common';
import { Outage } from '@tokenlog/event-store/outage.js';
import type { z } from 'zod';

/** What a service reads from a stream, and what it does with it. */
export interface DurableConsumerOptions<Message> {
  readonly stream: string;
  /** Names how far it has come; replicas of a service share it. */
  readonly durable: string;
  /** Of all that the stream holds; left out: everything. */
  readonly subject?: string;
  readonly schema: z.ZodType<Message>;
  /** One at a time across all replicas, each only when the one before it is done. Else several at once. */
  readonly inOrder: boolean;
  /** How many this process handles at once. Default 16, in order 1. */
  readonly atOnce?: number;
  /** How long the handler may take, in milliseconds, before another replica is given the message. Default 30 s. */
  readonly ackWaitMs?: number;
  /** How long a message that failed waits, in milliseconds, by the number of its attempts. Default always half a second. */
  readonly backOffMs?: readonly number[];
  /** Makes the stream where it is missing; left out: whoever publishes makes it. */
  readonly make?: Partial<StreamConfig> & { readonly subjects: string[] };
  /** Must be idempotent, and have committed when it resolves: a message comes at least once. */
  readonly handle: (message: Message) => Promise<unknown>;
  /** Called once the message is acknowledged; the next one is not kept waiting for what it does. */
  readonly done?: (message: Message) => Promise<void>;
}

/** PostgreSQL's codes for values that it cannot take: trying again would find the same. */
const UNUSABLE = /^22[0-9A-Z]{3}$/;
const RETRY_MS = 500;
const ACK_WAIT_MS = 30_000;
const IN_PARALLEL = 16;
/** Enough that messages which wait for their next attempt do not keep the others back. */
const UNACKNOWLEDGED = 1000;
/** Whoever asks how far it is behind waits no longer. */
const LOOK_MS = 1000;
const CATCH_UP_MS = 10_000;
const CATCH_UP_STEP_MS = 50;

/**
 * Reads a stream from where it stopped last, and acknowledges each message when it has been handled. What came while the
 * service was down is waiting. A stream or consumer that is deleted is waited for, or made again.
 */
export class DurableConsumer<Message> {
  private readonly logger: Logger;
  private readonly ending = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private messages: ConsumerMessages | undefined;
  private readonly reading: Outage;
  private readonly handling: Outage;

  constructor(
    private readonly nats: NatsConnection,
    private readonly options: DurableConsumerOptions<Message>,
  ) {
    this.logger = new Logger(`Consumer ${options.durable}`);
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
    this.running = this.run();
  }

  /** Stops after the messages under way. */
  async stop(): Promise<void> {
    this.ending.abort();
    await this.messages?.close();
    await this.running;
  }

  /** Resolves when what was published so far has been handled, or after ten seconds. */
  async caughtUp(): Promise<void> {
    const { stream, durable } = this.options;
    const deadline = performance.now() + CATCH_UP_MS;
    const manager = await jetstreamManager(this.nats, { checkAPI: false });
    while (!this.ending.signal.aborted && performance.now() < deadline) {
      const info = await manager.consumers.info(stream, durable).catch(() => null);
      if (info && info.num_pending === 0 && info.num_ack_pending === 0) return;
      await delay(CATCH_UP_STEP_MS);
    }
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

  private async run(): Promise<void> {
    const { signal } = this.ending;
    while (!signal.aborted) {
      let wait = RETRY_MS;
      try {
        await this.consume();
      } catch (error) {
        // Its publisher makes the stream; until that has been up once there is none to read.
        if (!signal.aborted) wait = this.reading.failed(error);
      }
      await delay(wait, undefined, { signal }).catch(() => undefined);
    }
  }

  private async consume(): Promise<void> {
    const { stream, durable, subject, inOrder, ackWaitMs, make } = this.options;
    const atOnce = inOrder ? 1 : (this.options.atOnce ?? IN_PARALLEL);
    const { streams, consumers } = await jetstreamManager(this.nats, { checkAPI: false });
    if (make) await streams.info(stream).catch(() => streams.add({ name: stream, ...make }));
    await consumers.add(stream, {
      durable_name: durable,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(ackWaitMs ?? ACK_WAIT_MS),
      max_ack_pending: inOrder ? 1 : UNACKNOWLEDGED,
      ...(subject && { filter_subject: subject }),
    });
    const consumer = await jetstream(this.nats).consumers.get(stream, durable);
    this.messages = await consumer.consume({
      max_messages: atOnce,
      idle_heartbeat: 1000,
      abort_on_missing_resource: true,
    });
    this.reading.worked();
    if (this.ending.signal.aborted) await this.messages.close();
    const underWay = new Set<Promise<void>>();
    for await (const message of this.messages) {
      const handled = this.take(message).finally(() => underWay.delete(handled));
      underWay.add(handled);
      if (underWay.size >= atOnce) await Promise.race(underWay);
    }
    await Promise.all(underWay);
  }

  private async take(message: JsMsg): Promise<void> {
    const parsed = this.options.schema.safeParse(parse(message));
    if (!parsed.success) {
      this.logger.error(
        `${message.subject} #${message.seq} is not by the contract and is left out: ${parsed.error.message}`,
      );
      // Without a reason: servers before 2.10.4 do not understand one, and deliver again.
      message.term();
      return;
    }
    try {
      await this.options.handle(parsed.data);
      this.handling.worked();
      await message.ackAck();
      this.options
        .done?.(parsed.data)
        .catch((error: Error) => this.logger.error(`${message.subject}: ${error.message}`));
    } catch (error) {
      const { backOffMs = [RETRY_MS] } = this.options;
      const wait = backOffMs[Math.min(message.info.deliveryCount, backOffMs.length) - 1] ?? RETRY_MS;
      const { code, message: said } = error as Error & { code?: string };
      if (code && UNUSABLE.test(code)) {
        this.logger.error(`${message.subject} #${message.seq} is left out, it will never do: ${code}`);
        message.term();
        return;
      }
      this.handling.failed(new Error(`${message.subject} #${message.seq}: ${code ?? said}`));
      message.nak(wait);
    }
  }
}

function parse(message: JsMsg): unknown {
  try {
    return message.json();
  } catch {
    // Not JSON: refused by the schema, with the subject and sequence in the log.
    return undefined;
  }
}
