import { type BeforeApplicationShutdown, Logger, type OnModuleInit } from '@nestjs/common';
import type { Sql } from '@tokenlog/event-store/sql.js';
import { v7 } from 'uuid';
import { observedGauge } from './observed-gauge.js';

/** How often the database is asked for its time, in ms. */
const EVERY_MS = 5_000;
/** Clocks are taken to be of the same rate within a thousandth. */
const RATE = 0.001;
/** A process' own clock that is further off is told of, in ms. */
const TELL_MS = 1_000;
const MOST_SEQUENCE = 0xffffffff;

const offsets = observedGauge({
  name: 'tokenlog_clock_offset_seconds',
  help: "How far this process' clock is ahead of the database's, by which all times are reckoned.",
});

/**
 * The one clock by which whatever is kept or compared is reckoned: the database's. Statements take it from PostgreSQL itself,
 * as verification does; what a process decides or writes itself takes it from here. It is known against the monotonic clock,
 * within half a round trip, so that no statement needs another one for it, and whoever sets this machine's clock moves
 * nothing. While the database is away it goes on.
 */
export class DatabaseClock implements OnModuleInit, BeforeApplicationShutdown {
  private readonly logger = new Logger('Clock');
  /** Between what and what the database's time is, less the monotonic clock's; as of `at` on that. In ms. */
  private bounds = { least: Number.NEGATIVE_INFINITY, most: Number.POSITIVE_INFINITY, at: 0 };
  private timer: NodeJS.Timeout | undefined;
  private told = 0;
  private stopObserving: () => void = () => undefined;
  private last = { msecs: 0, seq: 0 };

  private constructor(private readonly sql: Sql) {}

  /** A clock that has been set. In an application it is held against the database's from then on. */
  static async read(sql: Sql): Promise<DatabaseClock> {
    const clock = new DatabaseClock(sql);
    await clock.measure();
    return clock;
  }

  /** Not before the application is made: of one that cannot be made, nothing would stop it. */
  onModuleInit(): void {
    this.stopObserving = offsets.observe(() => [{ value: this.offsetMs / 1000 }]);
    // Where the database is away everything else says so.
    this.timer = setInterval(() => void this.measure().catch(() => undefined), EVERY_MS).unref();
  }

  beforeApplicationShutdown(): void {
    clearInterval(this.timer);
    this.stopObserving();
  }

  /** Now. */
  now(): Date {
    return new Date(this.nowMs());
  }

  /** Now, in whole ms since 1970. */
  nowMs(): number {
    const { least, most } = this.bounds;
    return Math.round(performance.now() + (least + most) / 2);
  }

  /** A moment of `performance.now()` by the database's clock, and as early as that may be. */
  earliest(moment: number): Date {
    const { least, at } = this.bounds;
    return new Date(Math.floor(moment + least - Math.max(0, performance.now() - at) * RATE));
  }

  /** A new UUIDv7 (RFC 9562): its time is this clock's, and each is greater than the one before. */
  newId(): string {
    const msecs = Math.max(this.nowMs(), this.last.msecs);
    const isNext = msecs === this.last.msecs && this.last.seq < MOST_SEQUENCE;
    this.last = isNext
      ? { msecs, seq: this.last.seq + 1 }
      : { msecs: msecs === this.last.msecs ? msecs + 1 : msecs, seq: Math.floor(Math.random() * 0x7fffffff) };
    return v7(this.last);
  }

  /** How far this process' own clock is ahead of the database's, in ms. */
  get offsetMs(): number {
    return Date.now() - this.nowMs();
  }

  /** Asks the database for its time. Of all answers the bounds are kept that they have in common. */
  async measure(): Promise<void> {
    const before = performance.now();
    const { rows } = await this.sql.query<{ now: number }>(
      'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now',
    );
    const after = performance.now();
    const now = Number(rows[0]?.now);
    const drift = (after - this.bounds.at) * RATE;
    const least = Math.max(this.bounds.least - drift, now - after);
    const most = Math.min(this.bounds.most + drift, now - before);
    // Where they have nothing in common, one of the clocks was set.
    const isSet = least > most;
    this.bounds = isSet ? { least: now - after, most: now - before, at: after } : { least, most, at: after };
    this.tell();
  }

  /** Says once that this process' clock is off, again when it is off by something else, and when it is right again. */
  private tell(): void {
    const uncertain = (this.bounds.most - this.bounds.least) / 2;
    const offset = this.offsetMs;
    const isOff = Math.abs(offset) > TELL_MS + uncertain;
    if (isOff ? Math.abs(offset - this.told) <= TELL_MS + uncertain : this.told === 0) return;
    this.told = isOff ? offset : 0;
    if (!isOff) this.logger.log("this machine's clock is right again");
    else {
      const [by, where] = [(Math.abs(offset) / 1000).toFixed(1), offset > 0 ? 'ahead of' : 'behind'];
      this.logger.warn(
        `this machine's clock is ${by} s ${where} the database's, by which all times are reckoned; set it right`,
      );
    }
  }
}
