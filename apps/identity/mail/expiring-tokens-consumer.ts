import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { TOKENS_STREAM } from '@tokenlog/contracts/tokens/token-events.js';
import { type TokenExpiring, tokenExpiring } from '@tokenlog/contracts/tokens/token-expiring.js';
import { DatabaseClock } from '@tokenlog/platform/clock.js';
import { DurableConsumer } from '@tokenlog/platform/durable-consumer.js';
import { NATS } from '@tokenlog/platform/nats.js';
import { MAIL_SETTINGS, type MailSettings } from '../config/mail-settings.js';
import { MailUserWhenTokenExpires } from './mail-user-when-token-expires.js';

/** A process that only stands still for a while must not have its mail sent a second time by another one. */
const ACK_WAIT_MS = 30_000;
const BACK_OFF_MS = [1000, 5000, 30_000, 120_000, 600_000];

/** Has each warning of the token service mailed, where mail is configured. What comes while this is down waits in the stream. */
@Injectable()
export class ExpiringTokensConsumer
  extends DurableConsumer<TokenExpiring>
  implements OnApplicationBootstrap, OnModuleDestroy
{
  constructor(
    @Inject(NATS) nats: NatsConnection,
    commands: CommandBus,
    clock: DatabaseClock,
    @Inject(MAIL_SETTINGS) private readonly settings: MailSettings | null,
  ) {
    super(nats, {
      stream: TOKENS_STREAM,
      // Named in `nats-server.conf` too: identity may use no other consumer of this stream.
      durable: 'identity-mail',
      subject: tokenExpiring.subject,
      schema: tokenExpiring.schema,
      // One after the other: an event that comes twice at once would be mailed twice.
      atOnce: 1,
      ackWaitMs: ACK_WAIT_MS,
      backOffMs: BACK_OFF_MS,
      handle: (warning) => commands.execute(new MailUserWhenTokenExpires(warning, clock.now())),
    });
  }

  onApplicationBootstrap(): void {
    if (this.settings) this.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.stop();
  }
}
