import { setTimeout as wait } from 'node:timers/promises';
import { AckPolicy, DeliverPolicy, type JsMsg, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { IDENTITY_STREAM, identityEvent } from '@tokenlog/contracts/identity/identity-events.js';
import { identityEventApplied } from '@tokenlog/contracts/internal/identity-event-applied.js';
import { NATS } from '@tokenlog/platform/nats.js';
import { reactionTo } from './reaction.js';

const DURABLE = 'tokens-reactions';
const RETRY_MS = 500;
const ACK_WAIT_MS = 30_000;
const CATCH_UP_MS = 10_000;
const CATCH_UP_STEP_MS = 50;

/**
 * Reads identity's events, in order, one at a time across all replicas, and has the reaction to each committed before it
 * is acknowledged. What happened while this service was down is waiting in the stream.
 */
@Injectable()
export class IdentityConsumer implements OnModuleDestroy {
  private readonly logger = new Logger(IdentityConsumer.name);
  private stopping = false;
  private running: Promise<void> = Promise.resolve();
  private stopMessages: () => Promise<unknown> = async () => undefined;
  private cancelPause: () => void = () => undefined;

  constructor(
    @Inject(NATS) private readonly nats: NatsConnection,
    private readonly commands: CommandBus,
  ) {}

  /** Starts in the background; every command must have its handler by then. */
  start(): void {
    this.running = this.run();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    this.cancelPause();
    await this.stopMessages();
    await this.running;
  }

  /** Resolves when what identity has published so far has been applied, or after ten seconds. */
  async caughtUp(): Promise<void> {
    const deadline = Date.now() + CATCH_UP_MS;
    while (!this.stopping && Date.now() < deadline) {
      const manager = await jetstreamManager(this.nats, { checkAPI: false });
      const info = await manager.consumers.info(IDENTITY_STREAM, DURABLE).catch(() => null);
      if (info && info.num_pending === 0 && info.num_ack_pending === 0) return;
      await wait(CATCH_UP_STEP_MS);
    }
  }

  private async run(): Promise<void> {
    let waiting = false;
    while (!this.stopping) {
      try {
        await this.consume();
        waiting = false;
      } catch (error) {
        // Identity makes the stream; until it has been up once there is none to read.
        if (!this.stopping && !waiting) this.logger.warn(`waits for ${IDENTITY_STREAM}: ${(error as Error).message}`);
        waiting = true;
      }
      if (!this.stopping) await this.pause();
    }
  }

  private async consume(): Promise<void> {
    const manager = await jetstreamManager(this.nats, { checkAPI: false });
    await manager.consumers.add(IDENTITY_STREAM, {
      durable_name: DURABLE,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(ACK_WAIT_MS),
      // One under way: the next is delivered only when this one's reaction has been committed.
      max_ack_pending: 1,
    });
    const consumer = await jetstream(this.nats).consumers.get(IDENTITY_STREAM, DURABLE);
    // A stream or consumer that is deleted ends the messages, and the loop makes the consumer again.
    const messages = await consumer.consume({
      max_messages: 16,
      idle_heartbeat: 1000,
      abort_on_missing_resource: true,
    });
    this.stopMessages = () => messages.close();
    for await (const message of messages) await this.react(message);
  }

  private async react(message: JsMsg): Promise<void> {
    const parsed = identityEvent.safeParse(parse(message));
    if (!parsed.success) {
      this.logger.error(
        `${message.subject} #${message.seq} is not by the contract and is left out: ${parsed.error.message}`,
      );
      // Without a reason: servers before 2.10.4 do not understand one, and deliver again.
      message.term();
      return;
    }
    try {
      await this.commands.execute(reactionTo(parsed.data));
      await message.ackAck();
      this.nats.publish(identityEventApplied.subject, JSON.stringify({ eventId: parsed.data.id }));
    } catch (error) {
      this.logger.error(`${message.subject} ${parsed.data.id}: ${(error as Error).message}; it is tried again`);
      message.nak(RETRY_MS);
    }
  }

  private async pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, RETRY_MS);
      this.cancelPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
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
