import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { asOneProcess } from '@tokenlog/event-store/one-process.js';
import { Outage } from '@tokenlog/event-store/outage.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import { DatabaseClock } from '@tokenlog/platform/clock.js';
import { CONFIG, type Config } from '../config/config.js';
import { DUE_EXPIRIES } from '../config/expiry-thresholds.js';
import { WarnOfExpiry } from './warn-of-expiry.js';

const EVERY_MS = 60_000;
const BATCH = 500;

/**
 * Looks for tokens that a warning is due for (S41): at the start and every minute, one process at a time. The lock only
 * saves work. That no warning is given twice is held by the version at which each is appended.
 */
@Injectable()
export class ExpirySweep implements OnModuleDestroy {
  private readonly outage = new Outage('expiry sweep', new Logger(ExpirySweep.name), 'expiries are not warned of', {
    steadyMs: 0,
  });
  private stopping = false;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: EventStore,
    private readonly commands: CommandBus,
    private readonly clock: DatabaseClock,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Starts in the background; every command must have its handler by then. */
  start(): void {
    if (this.config.expiryWarningDays.length === 0) return;
    this.running = this.sweep(this.clock.now()).then(
      () => undefined,
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

  /** Warns of every token that is due at `now`. @returns false where another process is at it */
  sweep(now: Date): Promise<boolean> {
    return asOneProcess(this.store.pool, 'expiry-sweep', (client) => this.warn(client, now));
  }

  private async warn(sql: Sql, now: Date): Promise<void> {
    let failed = false;
    let after = '00000000-0000-0000-0000-000000000000';
    while (!this.stopping) {
      const { rows } = await sql.query<{ id: string }>(
        `${DUE_EXPIRIES} AND expiries.token_id > $3 ORDER BY expiries.token_id LIMIT ${BATCH}`,
        [this.config.expiryWarningDays, now, after],
      );
      for (const { id } of rows) {
        if (this.stopping) return;
        // One that fails is due again at the next sweep; the others do not wait for it.
        await this.commands.execute(new WarnOfExpiry(id, now)).catch((error: Error) => {
          failed = true;
          this.outage.failed(new Error(`token ${id}: ${error.message}`));
        });
        after = id;
      }
      if (rows.length < BATCH) break;
    }
    if (!failed) this.outage.worked();
  }
}
