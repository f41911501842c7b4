import { Logger } from '@nestjs/common';
import { inTime } from './in-time.js';
import { causeOf } from './unavailable.js';

/** A part that a service stands on: `check` rejects when it does not do its work. */
export interface ReadinessCheck {
  readonly check: () => Promise<unknown>;
  /** The service does its work without it, and says so. Default: it does not. */
  readonly optional?: boolean;
}

/** The parts of a service, by name. */
export type ReadinessChecks = Record<string, (() => Promise<unknown>) | ReadinessCheck>;

/** How a part is. `since`: RFC 3339, when it was first found so; `message`: why it is not up. */
export interface PartStanding {
  readonly status: 'up' | 'down' | 'degraded';
  readonly since: string;
  readonly message?: string;
}

/** No check is waited for longer, in ms: whoever probes gives up after a second or two, and learns nothing. */
export const CHECK_MS = 1_500;
/** A part that has been checked is not checked again for so long, in ms, however many ask. */
const HOLDS_MS = 1_000;

/** One part, checked once for all who ask at the same time. */
export class Part {
  private readonly logger = new Logger('Readiness');
  private standing: PartStanding | undefined;
  private checkedAt = Number.NEGATIVE_INFINITY;
  private checking: Promise<PartStanding> | undefined;
  private readonly part: ReadinessCheck;

  constructor(
    readonly name: string,
    check: ReadinessChecks[string],
  ) {
    this.part = typeof check === 'function' ? { check } : check;
  }

  /** Within a second and a half. */
  ask(): Promise<PartStanding> {
    if (this.standing && performance.now() - this.checkedAt < HOLDS_MS) return Promise.resolve(this.standing);
    this.checking ??= this.check().finally(() => {
      this.checking = undefined;
    });
    return this.checking;
  }

  private async check(): Promise<PartStanding> {
    const failed = this.part.optional ? ('degraded' as const) : ('down' as const);
    const found = await inTime(
      run(this.part.check),
      CHECK_MS,
      () => new NotReady(`no answer within ${CHECK_MS / 1000} s`),
    )
      .then(() => ({ status: 'up' as const }))
      .catch((error: Error) => ({ status: failed, ...whyOf(error), error }));
    const { status, message } = { message: undefined, ...found };
    const before = this.standing;
    const since = before?.status === status ? before.since : new Date().toISOString();
    if ('error' in found && before?.message !== message) {
      this.logger.warn(`${this.name} is ${status}: ${found.error.message}`);
    } else if (status === 'up' && before && before.status !== 'up') {
      this.logger.log(`${this.name} is up again; it was ${before.status} since ${before.since}`);
    }
    this.standing = { status, since, ...(message !== undefined && { message }) };
    this.checkedAt = performance.now();
    return this.standing;
  }
}

/** A check may throw at once. */
async function run(check: () => Promise<unknown>): Promise<unknown> {
  return check();
}

/** Anybody may ask: what an error says of hosts and users stays in the log. */
function whyOf(error: Error): { message: string } {
  const cause = causeOf(error);
  if (cause) return { message: cause.detail.replace('; try again.', '.') };
  return { message: error instanceof NotReady ? error.message : 'It failed; the log says why.' };
}

/** Why a part does not do its work, in words that anybody may read. */
export class NotReady extends Error {
  override name = 'NotReady';
}
