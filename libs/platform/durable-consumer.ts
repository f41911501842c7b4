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
import type { z } from 'zod';

/** What a service reads from a stream, and what it does with it. */
export interface DurableConsumerOptions<Message> {
  readonly stream: string;
  /** Names how far it has come; replicas of a service share it. */
  readonly durable: string;
  readonly subjects?: string[];
  readonly schema: z.ZodType<Message>;
  /** One at a time across all replicas, each only when the one before it is done. Else several at once. */
  readonly inOrder: boolean;
  /** Makes the stream where it is missing; left out: whoever publishes makes it. */
  readonly make?: Partial<StreamConfig> & { readonly subjects: string[] };
  /** Must be idempotent, and have committed when it resolves: a message comes at least once. */
  readonly handle: (message: Message) => Promise<void>;
  /** Called once the message is acknowledged. */
  readonly done?: (message: Message) => void;
}

const RETRY_MS = 500;
const ACK_WAIT_MS = 30_000;
const IN_PARALLEL = 16;
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

  constructor(
    private readonly nats: NatsConnection,
    private readonly options: DurableConsumerOptions<Message>,
  ) {
    this.logger = new Logger(`Consumer ${options.durable}`);
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
    const deadline = Date.now() + CATCH_UP_MS;
    const manager = await jetstreamManager(this.nats, { checkAPI: false });
    while (!this.ending.signal.aborted && Date.now() < deadline) {
      const info = await manager.consumers.info(stream, durable).catch(() => null);
      if (info && info.num_pending === 0 && info.num_ack_pending === 0) return;
      await delay(CATCH_UP_STEP_MS);
    }
  }

  private async run(): Promise<void> {
    let waiting = false;
    while (!this.ending.signal.aborted) {
      try {
        await this.consume();
        waiting = false;
      } catch (error) {
        // Its publisher makes the stream; until that has been up once there is none to read.
        if (!waiting) this.logger.warn(`waits for ${this.options.stream}: ${(error as Error).message}`);
        waiting = true;
      }
      await delay(RETRY_MS, undefined, { signal: this.ending.signal }).catch(() => undefined);
    }
  }

  private async consume(): Promise<void> {
    const { stream, durable, subjects, inOrder, make } = this.options;
    const { streams, consumers } = await jetstreamManager(this.nats, { checkAPI: false });
    if (make) await streams.info(stream).catch(() => streams.add({ name: stream, ...make }));
    await consumers.add(stream, {
      durable_name: durable,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(ACK_WAIT_MS),
      max_ack_pending: inOrder ? 1 : IN_PARALLEL,
      ...(subjects && { filter_subjects: subjects }),
    });
    const consumer = await jetstream(this.nats).consumers.get(stream, durable);
    this.messages = await consumer.consume({
      max_messages: IN_PARALLEL,
      idle_heartbeat: 1000,
      abort_on_missing_resource: true,
    });
    if (this.ending.signal.aborted) await this.messages.close();
    const underWay = new Set<Promise<void>>();
    for await (const message of this.messages) {
      const handled = this.take(message).finally(() => underWay.delete(handled));
      underWay.add(handled);
      if (inOrder || underWay.size >= IN_PARALLEL) await Promise.race(underWay);
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
      await message.ackAck();
      this.options.done?.(parsed.data);
    } catch (error) {
      this.logger.error(`${message.subject} #${message.seq}: ${(error as Error).message}; it is tried again`);
      message.nak(RETRY_MS);
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
