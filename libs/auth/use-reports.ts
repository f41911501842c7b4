import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { ADDRESSES_PER_TOKEN, type GuardUses, guardUses, USES_PER_REPORT } from '@tokenlog/contracts/guard/uses.js';

/** A use is reported at most this long after it was made, while NATS is there. */
const REPORT_EVERY_MS = 500;
const ACK_TIMEOUT_MS = 2000;

/** The uses of one token that are not reported yet. */
export class Uses {
  private readonly firstAt = Date.now();
  private lastAt = this.firstAt;
  private readonly counts = new Map<string | undefined, number>();

  constructor(private readonly tokenId: string) {}

  /** Counts one. */
  add(ip: string | undefined): void {
    this.lastAt = Date.now();
    const key = this.counts.has(ip) || this.counts.size < ADDRESSES_PER_TOKEN ? ip : undefined;
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
  }

  toReport(): GuardUses['uses'][number] {
    return {
      tokenId: this.tokenId,
      firstAt: new Date(this.firstAt).toISOString(),
      lastAt: new Date(this.lastAt).toISOString(),
      breakdown: [...this.counts].map(([ip, count]) => ({ ip: ip ?? null, count })),
    };
  }
}

/**
 * Counts uses that are answered from memory, and reports them to JetStream under a number of their own: a report that is
 * sent again, because its acknowledgement was lost, is counted once. What a killed process had not reported yet is lost.
 */
export class UseReports {
  private readonly guard = randomUUID();
  private open = new Map<string, Uses>();
  private readonly unsent: GuardUses[] = [];
  private report = 0;
  private readonly ending = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly service: string,
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

  /** Where to count the uses of a token until the next report. */
  of(tokenId: string): Uses {
    const uses = this.open.get(tokenId) ?? new Uses(tokenId);
    this.open.set(tokenId, uses);
    return uses;
  }

  /** Whether these have been closed for a report: the next use opens others. */
  isOpen(tokenId: string, uses: Uses): boolean {
    return this.open.get(tokenId) === uses;
  }

  private async run(): Promise<void> {
    while (!this.ending.signal.aborted) {
      await delay(REPORT_EVERY_MS, undefined, { ref: false, signal: this.ending.signal }).catch(() => undefined);
      await this.send();
    }
  }

  private async send(): Promise<void> {
    const uses = [...this.open.values()].map((each) => each.toReport());
    this.open = new Map();
    for (let at = 0; at < uses.length; at += USES_PER_REPORT) {
      const part = uses.slice(at, at + USES_PER_REPORT);
      this.unsent.push({ guard: this.guard, report: ++this.report, service: this.service, uses: part });
    }
    for (;;) {
      const [next] = this.unsent;
      if (!next || !(await this.publish(next))) return;
      this.unsent.shift();
    }
  }

  /** Resolves to whether JetStream has it. */
  private async publish(report: GuardUses): Promise<boolean> {
    const messageId = headers();
    messageId.set('Nats-Msg-Id', `${report.guard}-${report.report}`);
    const options = { timeout: ACK_TIMEOUT_MS, headers: messageId };
    try {
      const reply = await this.connection()?.request(guardUses.subject, JSON.stringify(report), options);
      return reply !== undefined && !('error' in reply.json<object>());
    } catch {
      // Not acknowledged: it stays the next one to be sent.
      return false;
    }
  }
}
