import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { subjectOfGuard } from '@tokenlog/contracts/guard/guard-name.js';
import {
  ADDRESSES_PER_TOKEN,
  type GuardUses,
  guardUses,
  USES_PER_PART,
  USES_PER_REPORT,
} from '@tokenlog/contracts/guard/uses.js';

/** A use is reported at most this long after it was made, while NATS is there. */
const REPORT_EVERY_MS = 500;
const ACK_TIMEOUT_MS = 2000;

/** What a guard calls itself. */
export interface GuardIdentity {
  /** The application's name. */
  readonly service: string;
  /** Of its NATS user; `null`: it shares one. */
  readonly name: string | null;
}

/**
 * The uses of one token that are not reported yet. Times are of the monotonic clock, in whole milliseconds: a number with a
 * fraction takes memory of its own.
 */
export class Uses {
  private lastAt: number;
  /** Of the first address: most tokens are used from one only. */
  private count = 0;
  private others: Map<string | undefined, number> | undefined;

  constructor(
    private readonly tokenId: string,
    private readonly ip: string | undefined,
    private readonly firstAt: number,
    /** Which of the guard's half seconds they belong to. */
    readonly period: number,
  ) {
    this.lastAt = firstAt;
  }

  /** Counts one. */
  add(ip: string | undefined, at: number): void {
    this.lastAt = at;
    if (ip === this.ip) this.count++;
    else this.addOther(ip);
  }

  /** `timeOfDay`: of a time on the monotonic clock. */
  toReport(timeOfDay: (at: number) => string): GuardUses['uses'][number] {
    const breakdown = partsOf(this.ip, this.count);
    for (const [ip, count] of this.others ?? []) breakdown.push(...partsOf(ip, count));
    return {
      tokenId: this.tokenId,
      firstAt: timeOfDay(this.firstAt),
      lastAt: timeOfDay(this.lastAt),
      breakdown: breakdown.slice(0, ADDRESSES_PER_TOKEN + 1),
    };
  }

  private addOther(ip: string | undefined): void {
    this.others ??= new Map();
    const isTold = this.others.has(ip) || this.others.size < ADDRESSES_PER_TOKEN - 1;
    if (!isTold && this.ip === undefined) {
      this.count++;
      return;
    }
    const key = isTold ? ip : undefined;
    this.others.set(key, (this.others.get(key) ?? 0) + 1);
  }
}

/** One part, unless this process was too busy to report for long. */
function partsOf(ip: string | undefined, count: number): { ip: string | null; count: number }[] {
  const parts = [];
  for (let rest = count; rest > 0; rest -= USES_PER_PART) {
    parts.push({ ip: ip ?? null, count: Math.min(rest, USES_PER_PART) });
  }
  return parts;
}

/** A part of a period's uses. Made into the same message each time that it is sent. */
interface Report {
  readonly number: number;
  readonly uses: readonly Uses[];
  /** How far the token service's time was ahead of the monotonic clock. */
  readonly clock: number;
}

/**
 * Counts uses that are answered from memory, and reports them to JetStream under a number of their own: a report that is
 * sent again, because its acknowledgement was lost, is counted once. What a killed process had not reported yet is lost.
 */
export class UseReports {
  private readonly guard = randomUUID();
  /** How far the token service's time is ahead of the monotonic clock, by its last answer: this machine's may be wrong. In ms. */
  clock = Date.now() - performance.now();
  private period = 0;
  private open = new Map<string, Uses>();
  private readonly unsent: Report[] = [];
  private reports = 0;
  private readonly ending = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly as: GuardIdentity,
    private readonly connection: () => NatsConnection | undefined,
  ) {}

  start(): void {
    this.running = this.run();
  }

  /** Reports what is left, if NATS is there. */
  async stop(): Promise<void> {
    this.ending.abort();
    await this.running;
    await this.send();
  }

  /**
   * Counts a use of a token. `last`: where the one before it was counted, as this method returned it.
   * @returns where it is counted
   */
  count(tokenId: string, last: Uses | null, ip: string | undefined, at: number): Uses {
    const uses = last?.period === this.period ? last : this.openFor(tokenId, ip, at);
    uses.add(ip, at);
    return uses;
  }

  private openFor(tokenId: string, ip: string | undefined, at: number): Uses {
    const uses = this.open.get(tokenId) ?? new Uses(tokenId, ip, at, this.period);
    this.open.set(tokenId, uses);
    return uses;
  }

  private async run(): Promise<void> {
    while (!this.ending.signal.aborted) {
      await delay(REPORT_EVERY_MS, undefined, { ref: false, signal: this.ending.signal }).catch(() => undefined);
      await this.send();
    }
  }

  private async send(): Promise<void> {
    const uses = [...this.open.values()];
    this.open = new Map();
    this.period++;
    const { clock } = this;
    for (let at = 0; at < uses.length; at += USES_PER_REPORT) {
      this.unsent.push({ number: ++this.reports, uses: uses.slice(at, at + USES_PER_REPORT), clock });
    }
    for (;;) {
      const [next] = this.unsent;
      if (!next || !(await this.publish(next))) return;
      this.unsent.shift();
    }
  }

  /** Resolves to whether JetStream has it. */
  private async publish({ number, uses, clock }: Report): Promise<boolean> {
    const { guard } = this;
    const { service, name } = this.as;
    const timeOfDay = timesOfDay(clock);
    const report: GuardUses = { guard, report: number, service, uses: uses.map((each) => each.toReport(timeOfDay)) };
    const messageId = headers();
    messageId.set('Nats-Msg-Id', `${guard}-${number}`);
    const options = { timeout: ACK_TIMEOUT_MS, headers: messageId };
    try {
      const reply = await this.connection()?.request(
        subjectOfGuard(guardUses.subject, name),
        JSON.stringify(report),
        options,
      );
      return reply !== undefined && !('error' in reply.json<object>());
    } catch {
      // Not acknowledged: it stays the next one to be sent.
      return false;
    }
  }
}

/** Writes times of the monotonic clock as times of day. Many uses are of the same millisecond: each is written once. */
function timesOfDay(clock: number): (at: number) => string {
  const written = new Map<number, string>();
  return (at) => {
    const time = Math.floor(clock + at);
    const text = written.get(time) ?? new Date(time).toISOString();
    written.set(time, text);
    return text;
  };
}
