import { listVariable } from '@tokenlog/platform/config.js';
import { z } from 'zod';

export const DAY_MS = 86_400_000;
const days = z
  .string()
  .regex(/^[1-9]\d{0,3}$/)
  .transform(Number)
  .pipe(z.int().max(3650));

/** `EXPIRY_WARNING_DAYS`: how many days before its expiry a token is warned of, the furthest first. */
export const thresholdsVariable = z
  .union(
    [
      z.literal('none').transform((): number[] => []),
      listVariable
        .pipe(z.array(days).min(1).max(16))
        .refine((list) => new Set(list).size === list.length)
        .transform((list) => list.sort((a, b) => b - a)),
    ],
    'must be none, or up to 16 different whole numbers of days from 1 to 3650, as in 30,7,1',
  )
  .default([30, 7, 1]);

/** An expiry, since when it has been the token's, and the nearest threshold that was warned of since. */
export interface ExpiryWarnings {
  readonly expiresAt: Date;
  readonly setAt: Date;
  readonly warnedDays: number | null;
}

/**
 * The threshold to warn of now, or null. Of those that have passed it is the one nearest to the end: after a downtime the
 * others are old news. A threshold that lay behind already when the expiry was set is none of it.
 */
export function dueThreshold(
  { expiresAt, setAt, warnedDays }: ExpiryWarnings,
  thresholds: readonly number[],
  now: Date,
): number | null {
  if (expiresAt < now) return null;
  const due = thresholds.filter((days) => {
    const at = expiresAt.getTime() - days * DAY_MS;
    return setAt.getTime() < at && at <= now.getTime() && (warnedDays === null || days < warnedDays);
  });
  return due.length > 0 ? Math.min(...due) : null;
}

/** The same for `expiries` in SQL: `$1` are the thresholds, `$2` is now. Days are of 24 hours here too. */
export const DUE_EXPIRIES = `
SELECT expiries.token_id AS id FROM expiries
JOIN tokens ON tokens.id = expiries.token_id AND tokens.status = 'active'
WHERE expiries.expires_at >= $2::timestamptz AND EXISTS (
  SELECT FROM unnest($1::int[]) AS days
  WHERE expiries.expires_at - make_interval(hours => 24 * days) > expiries.set_at
    AND expiries.expires_at - make_interval(hours => 24 * days) <= $2::timestamptz
    AND (expiries.warned_days IS NULL OR days < expiries.warned_days)
)`;
