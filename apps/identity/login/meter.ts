/**
 * How many tries there are: `limit` at once. Those of a `window` come back all together, `seconds` after the first of them was
 * made; those of a `drip` one by one, one every `seconds`.
 */
export interface Rule {
  readonly refill: 'window' | 'drip';
  readonly limit: number;
  readonly seconds: number;
}

/** What was tried. A drip's tries may be a fraction. */
export interface Meter {
  readonly points: number;
  /** Of a window, when its first try was made; of a drip, its last. In ms of the database's clock. */
  readonly since: number;
}

/** Takes a try, or says in how many ms there is one. */
export function takeTry(
  rule: Rule,
  meter: Meter,
  now: number,
): { readonly meter: Meter } | { readonly waitMs: number } {
  const every = rule.seconds * 1000;
  // A clock that was set back must not keep anybody out for longer.
  const since = Math.min(meter.since, now);
  if (rule.refill === 'window') {
    if (meter.points === 0 || now - since >= every) return { meter: { points: 1, since: now } };
    if (meter.points + 1 > rule.limit) return { waitMs: since + every - now };
    return { meter: { points: meter.points + 1, since } };
  }
  const points = Math.max(0, meter.points - (now - since) / every);
  if (points + 1 > rule.limit) return { waitMs: (points + 1 - rule.limit) * every };
  return { meter: { points: points + 1, since: now } };
}

/** At most so many in any hour: half of them at once, the rest one by one. */
export function perHour(tries: number): Rule {
  const limit = Math.ceil(tries / 2);
  return { refill: 'drip', limit, seconds: 3600 / Math.max(1, tries - limit) };
}

/** So many within a quarter of an hour. */
export function perQuarterHour(limit: number): Rule {
  return { refill: 'window', limit, seconds: 15 * 60 };
}
