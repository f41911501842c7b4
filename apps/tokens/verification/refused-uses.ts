import type { GuardUses } from '@tokenlog/contracts/guard/uses.js';

/** By how much a guard's clock may be off. A use that seems to lie ahead by less was made now. */
const CLOCKS_DIFFER_MS = 600_000;
/** A report waits so long in its stream at most. */
export const REPORTS_KEPT_MS = 7 * 86_400_000;
/** A guard reports twice a second; one that was too busy for it, later. */
const LONGEST_REPORT_MS = 60_000;
/** What one process answers from memory in a millisecond, several times over what was measured. */
const MOST_PER_MS = 5000;

type Use = GuardUses['uses'][number];

/** What the token service knows about a report that it was sent. */
export interface Known {
  /** The database's time, in milliseconds since 1970. */
  readonly now: number;
  /**
   * The tokens that there are: for a guard with a name, when each was first verified for it (as `now`), and `null` where it never was;
   * for the others, `undefined`.
   */
  readonly tokens: ReadonlyMap<string, number | null | undefined>;
}

/** Why a use is not counted: a closed list. */
export type UseRefusal =
  | 'ends-before-it-begins'
  | 'in-the-future'
  | 'too-old'
  | 'too-long'
  | 'too-many'
  | 'unknown-token'
  | 'not-answered-for';

/** Why a use that a guard reports cannot have been made, or `null` where it can. */
export function refusalOf(use: Use, { now, tokens }: Known): UseRefusal | null {
  const [firstAt, lastAt] = [Date.parse(use.firstAt), Date.parse(use.lastAt)];
  if (firstAt > lastAt) return 'ends-before-it-begins';
  if (lastAt > now + CLOCKS_DIFFER_MS) return 'in-the-future';
  if (firstAt < now - REPORTS_KEPT_MS - CLOCKS_DIFFER_MS) return 'too-old';
  if (lastAt - firstAt > LONGEST_REPORT_MS) return 'too-long';
  if (use.breakdown.reduce((sum, { count }) => sum + count, 0) > mostWithin(firstAt, lastAt)) return 'too-many';
  if (!tokens.has(use.tokenId)) return 'unknown-token';
  const answeredAt = tokens.get(use.tokenId);
  if (answeredAt === null) return 'not-answered-for';
  if (answeredAt !== undefined && firstAt < answeredAt - CLOCKS_DIFFER_MS) return 'not-answered-for';
  return null;
}

/** Whether these uses together are more than one guard can have answered in the time that they span. */
export function areTooMany(uses: readonly Use[]): boolean {
  const firstAt = Math.min(...uses.map((use) => Date.parse(use.firstAt)));
  const lastAt = Math.max(...uses.map((use) => Date.parse(use.lastAt)));
  const count = uses.flatMap(({ breakdown }) => breakdown).reduce((sum, part) => sum + part.count, 0);
  return count > mostWithin(firstAt, lastAt);
}

/** A use as it is written to the log: not ahead of the time. */
export function asCounted(use: Use, now: number): Use {
  const atMostNow = (at: string) => new Date(Math.min(Date.parse(at), now)).toISOString();
  return { ...use, firstAt: atMostNow(use.firstAt), lastAt: atMostNow(use.lastAt) };
}

function mostWithin(firstAt: number, lastAt: number): number {
  return MOST_PER_MS * (Math.min(lastAt - firstAt, LONGEST_REPORT_MS) + 1);
}
