/** Nanoseconds on the machine's monotonic clock: the same in every process, so that what they record can be compared. */
export const now = (): number => Number(process.hrtime.bigint());

/** What a caching guard made of a credential. */
export const outcomes = ['memory', 'asked', 'refused', 'unavailable'] as const;
/** Accepted from memory; accepted by asking; refused; not to be told (503). */
export type Outcome = (typeof outcomes)[number];

/** One verification. Its start is before the guard looks at anything. */
export interface Verification {
  readonly guard: string;
  /** Which credential. */
  readonly key: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly outcome: Outcome;
}

/** A change that ends a credential. */
export interface Change {
  readonly key: number;
  readonly what: string;
  /** When it was asked for. */
  readonly startedAt: number;
  /** When its answer was here: from then on nothing may be accepted. Infinite where the answer promised nothing (202). */
  readonly answeredAt: number;
}

export interface Findings {
  /** Acceptances that started after the answer: the promise is broken. A line for each. */
  readonly violations: string[];
  readonly accepted: number;
  readonly fromMemory: number;
  /** Refused, and started after the answer. */
  readonly refusedAfter: number;
  /** Pairs of a change and a guard that accepted the credential from memory in the 100 ms before the change was asked for. */
  readonly warmPairs: number;
  /** Pairs of a change and a guard that accepted the credential from memory between question and answer. */
  readonly racingPairs: number;
}

const JUST_BEFORE_NS = 100e6;

/** Looks through what guards and changes recorded for acceptances that the promise rules out. */
export function examine(changes: readonly Change[], verifications: readonly Verification[]): Findings {
  const changeOf = new Map(changes.map((change) => [change.key, change]));
  const violations: string[] = [];
  const warm = new Set<string>();
  const racing = new Set<string>();
  let accepted = 0;
  let fromMemory = 0;
  let refusedAfter = 0;
  for (const { guard, key, startedAt, outcome } of verifications) {
    const change = changeOf.get(key);
    const isAfter = change !== undefined && startedAt > change.answeredAt;
    if (outcome === 'refused' && isAfter) refusedAfter++;
    if (outcome !== 'memory' && outcome !== 'asked') continue;
    accepted++;
    if (outcome === 'memory') fromMemory++;
    if (!change) continue;
    if (isAfter) {
      const late = ((startedAt - change.answeredAt) / 1e6).toFixed(3);
      violations.push(`${guard} accepted (${outcome}) credential ${key} ${late} ms after the answer to ${change.what}`);
    } else if (outcome === 'memory' && startedAt >= change.startedAt) {
      racing.add(`${guard} ${key}`);
    } else if (outcome === 'memory' && startedAt > change.startedAt - JUST_BEFORE_NS) {
      warm.add(`${guard} ${key}`);
    }
  }
  return { violations, accepted, fromMemory, refusedAfter, warmPairs: warm.size, racingPairs: racing.size };
}
