import { AckPolicy, DeliverPolicy, type JsMsg, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { TOKENS_STREAM } from '@tokenlog/contracts/tokens/token-events.js';
import { tokenExpiring } from '@tokenlog/contracts/tokens/token-expiring.js';
import { NATS } from '@tokenlog/platform/nats.js';
import { MAIL_SETTINGS, type MailSettings } from './mail-settings.js';
import { MailUserWhenTokenExpires } from './mail-user-when-token-expires.js';

/** Named in `nats-server.conf` too: identity may use no other consumer of this stream. */
const DURABLE = 'identity-mail';
const PAUSE_MS = 1000;
/** Longer than the mail server may take for two mails: the one that is sent and the one that waits behind it. */
const ACK_WAIT_MS = 180_000;
const BACK_OFF_MS = [1000, 5000, 30_000, 120_000, 600_000];

/** Has each warning of the token service mailed, where mail is configured. What comes while this is down waits in the stream. */
@Injectable()
export class ExpiringTokensConsumer implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('Mail');
  private stopping = false;
  private running: Promise<void> = Promise.resolve();
  private stopMessages: () => Promise<unknown> = async () => undefined;
  private cancelPause: () => void = () => undefined;

  constructor(
    @Inject(NATS) private readonly nats: NatsConnection,
    private readonly commands: CommandBus,
    @Inject(MAIL_SETTINGS) private readonly settings: MailSettings | null,
  ) {}

  onApplicationBootstrap(): void {
    if (this.settings) this.running = this.run();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    this.cancelPause();
    await this.stopMessages();
    await this.running;
  }

  private async run(): Promise<void> {
    let waiting = false;
    while (!this.stopping) {
      try {
        await this.consume();
        waiting = false;
      } catch (error) {
        // The token service makes the stream; until it has been up once there is none to read.
        if (!this.stopping && !waiting) this.logger.warn(`waits for ${TOKENS_STREAM}: ${(error as Error).message}`);
        waiting = true;
      }
      if (!this.stopping) await this.pause();
    }
  }

  private async consume(): Promise<void> {
    const manager = await jetstreamManager(this.nats, { checkAPI: false });
    await manager.consumers.add(TOKENS_STREAM, {
      durable_name: DURABLE,
      filter_subject: tokenExpiring.subject,
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(ACK_WAIT_MS),
      // Enough that mails which wait for their next attempt do not keep the others back.
      max_ack_pending: 1000,
    });
    const consumer = await jetstream(this.nats).consumers.get(TOKENS_STREAM, DURABLE);
    const messages = await consumer.consume({ max_messages: 1, idle_heartbeat: 1000, abort_on_missing_resource: true });
    this.stopMessages = () => messages.close();
    if (this.stopping) await messages.close();
    for await (const message of messages) await this.react(message);
  }

  private async react(message: JsMsg): Promise<void> {
    const parsed = tokenExpiring.schema.safeParse(parse(message));
    if (!parsed.success) {
      this.logger.error(`${message.subject} #${message.seq} is not by the contract and is left out`);
      message.term();
      return;
    }
    try {
      await this.commands.execute(new MailUserWhenTokenExpires(parsed.data, new Date()));
      await message.ackAck();
    } catch (error) {
      const attempt = message.info.deliveryCount;
      const delay = BACK_OFF_MS[Math.min(attempt, BACK_OFF_MS.length) - 1] ?? PAUSE_MS;
      const { code } = error as { code?: string };
      this.logger.warn(
        `event ${parsed.data.id} is not mailed (${code ?? (error as Error).message}); attempt ${attempt + 1} in ${delay / 1000} s`,
      );
      message.nak(delay);
    }
  }

  private async pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, PAUSE_MS);
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
