import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { Outage } from '@tokenlog/event-store/outage.js';
import { patiently } from '@tokenlog/platform/bounded-client.js';

const EVERY_MS = 60_000;
const BATCH = 1_000;

/** Takes away the kept answers whose day is over, and the holds of who was killed, every minute. Nobody reads them any more. */
@Injectable()
export class ForgetAnswers implements OnModuleDestroy {
  private readonly outage = new Outage('kept answers', new Logger(ForgetAnswers.name), 'answers are kept for longer', {
    steadyMs: 0,
  });
  private stopping = false;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(private readonly store: EventStore) {}

  /** Starts in the background. */
  start(): void {
    this.running = patiently(() => this.forget()).then(
      () => this.outage.worked(),
      (error: Error) => void this.outage.failed(error),
    );
    void this.running.then(() => {
      if (!this.stopping) this.timer = setTimeout(() => this.start(), EVERY_MS);
    });
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** Takes away what has ended by the database's clock. */
  async forget(): Promise<void> {
    while (!this.stopping) {
      const { rowCount } = await this.store.pool.query(
        `DELETE FROM kept_answers WHERE id IN (
           SELECT id FROM kept_answers WHERE ends_at < clock_timestamp() LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
         )`,
      );
      if ((rowCount ?? 0) < BATCH) return;
    }
  }
}
