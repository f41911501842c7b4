import { type BeforeApplicationShutdown, Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { subscriptionBehind } from '@tokenlog/event-store/behind.js';
import { DatabaseClock } from '@tokenlog/platform/clock.js';
import { POOL } from '@tokenlog/platform/database.module.js';
import { observedGauge, onceASecond } from '@tokenlog/platform/observed-gauge.js';
import { observeConsumer, observePool, observeSubscription } from '@tokenlog/platform/service-metrics.js';
import type { Pool } from 'pg';
import { countLeases } from './guards/guard-leases.js';
import { GuardUsesConsumer } from './guards/guard-uses-consumer.js';
import { IdentityConsumer } from './identity/identity-consumer.js';
import { Verifier } from './verification/verifier.js';

const queue = observedGauge({
  name: 'tokenlog_verification_queue_length',
  help: 'Verifications that wait for their batch.',
});
const leases = observedGauge({
  name: 'tokenlog_guard_leases',
  help: 'Caching guards that hold a lease, by whether it is renewed (live) or runs out because they do not acknowledge (fenced).',
  labelNames: ['state'],
});

/** What `GET /metrics` shows of this service, beside what counts itself. Labels are one of a few words, and nobody's name. */
@Injectable()
export class ServiceMetrics implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private ends: readonly (() => void)[] = [];

  constructor(
    @Inject(POOL) private readonly pool: Pool,
    private readonly clock: DatabaseClock,
    private readonly verifier: Verifier,
    private readonly identityEvents: IdentityConsumer,
    private readonly guardUses: GuardUsesConsumer,
  ) {}

  onApplicationBootstrap(): void {
    const { pool, clock, verifier } = this;
    const readLeases = onceASecond(() => countLeases(pool));
    this.ends = [
      queue.observe(() => [{ value: verifier.queueLength }]),
      leases.observe(async () => {
        const { live, fenced } = await readLeases();
        return [
          { labels: { state: 'live' }, value: live },
          { labels: { state: 'fenced' }, value: fenced },
        ];
      }),
      observePool('service', pool),
      observePool('verifier', verifier.pool),
      observeSubscription('publisher', () => subscriptionBehind(pool, 'publisher')),
      observeConsumer('identity-events', this.identityEvents, clock),
      observeConsumer('guard-uses', this.guardUses, clock),
    ];
  }

  beforeApplicationShutdown(): void {
    for (const end of this.ends) end();
  }
}
