import type { Logger } from '@nestjs/common';

const FIRST_WAIT_MS = 500;
/** What comes back is found within this, plus what a try takes. */
const LONGEST_WAIT_MS = 2_000;
/** Something works again when it has worked for so long; what fails now and then is one outage. */
const STEADY_MS = 5_000;
/** Different causes of one outage that are told. */
const MOST_CAUSES = 20;

/** By its name, so that one that is made again takes the place of the one before. */
const known = new Map<string, Outage>();

/** Everything that is tried again and again, and whether it fails now: for metrics. */
export function outages(): readonly { readonly name: string; readonly isUnderWay: boolean }[] {
  return [...known.values()];
}

/**
 * What a loop that is tried again and again says of its failures: each cause once, and once that it works again, however
 * often it is tried.
 */
export class Outage {
  private readonly causes = new Set<string>();
  private tries = 0;
  private since = 0;
  private workedSince: number | null = null;

  /**
   * @param name of the loop, one of a few
   * @param what it does not do while it fails, as the log says it
   * @param options.steadyMs how long it must work for the outage to be over; 0 for what is seldom tried
   * @param options.level `warn` for what is usual at a start
   */
  constructor(
    readonly name: string,
    private readonly logger: Logger,
    private readonly what: string,
    private readonly options: { readonly steadyMs?: number; readonly level?: 'warn' | 'error' } = {},
  ) {
    known.set(name, this);
  }

  /** Whether it failed at last, or has not worked for long enough since. */
  get isUnderWay(): boolean {
    return this.tries > 0;
  }

  /** It failed. @returns after how many ms to try again */
  failed(error: unknown): number {
    const message = messageOf(error);
    this.workedSince = null;
    if (this.tries++ === 0) this.since = performance.now();
    // Numbers and ids differ from try to try, where the cause is the same.
    const cause = message.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|\d+/gi, '#');
    if (!this.causes.has(cause) && this.causes.size < MOST_CAUSES) {
      this.causes.add(cause);
      this.logger[this.options.level ?? 'error'](`${this.what}: ${message}; it is tried again`);
    }
    return Math.min(FIRST_WAIT_MS * 2 ** (this.tries - 1), LONGEST_WAIT_MS);
  }

  /** It worked. */
  worked(): void {
    if (this.tries === 0) return;
    const now = performance.now();
    this.workedSince ??= now;
    if (now - this.workedSince < (this.options.steadyMs ?? STEADY_MS)) return;
    this.logger.log(
      `works again, after ${Math.round((this.workedSince - this.since) / 1000)} s (${this.tries} tries failed)`,
    );
    this.causes.clear();
    this.tries = 0;
    this.workedSince = null;
  }
}

/** An error that says nothing, as a refused connection to several addresses, is told by its code. */
function messageOf(error: unknown): string {
  const { message, code, name } = error as Error & { code?: string };
  return message || code || name || String(error);
}
