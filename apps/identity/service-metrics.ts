import { type BeforeApplicationShutdown, Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { subscriptionBehind } from '@tokenlog/event-store/behind.js';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { observedGauge } from '@tokenlog/platform/observed-gauge.js';
import { observePool, observeSubscription } from '@tokenlog/platform/service-metrics.js';
import { MAIL_SETTINGS, type MailSettings } from './config/mail-settings.js';
import { ExpiringTokensConsumer } from './mail/expiring-tokens-consumer.js';

const mailsWaiting = observedGauge({
  name: 'tokenlog_mails_waiting',
  help: 'Warnings of expiry that are to be mailed and are not yet; there is none of this where no mail is configured.',
});

/** What `GET /metrics` shows of this service, beside what counts itself. Labels are one of a few words, and nobody's name. */
@Injectable()
export class ServiceMetrics implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly ends: (() => void)[] = [];

  constructor(
    private readonly store: EventStore,
    private readonly warnings: ExpiringTokensConsumer,
    @Inject(MAIL_SETTINGS) private readonly mail: MailSettings | null,
  ) {}

  onApplicationBootstrap(): void {
    const { pool } = this.store;
    this.ends.push(
      observePool('service', pool),
      observeSubscription('publisher', () => subscriptionBehind(pool, 'publisher')),
    );
    if (this.mail) {
      this.ends.push(mailsWaiting.observe(async () => [{ value: (await this.warnings.behind()).events }]));
    }
  }

  beforeApplicationShutdown(): void {
    for (const end of this.ends) end();
  }
}
