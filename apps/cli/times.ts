import { readInstant } from '@tokenlog/contracts/read-instant.js';
import { counted } from './text.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const UNITS = { s: SECOND, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY } as const;

const AMOUNT = /^(\d{1,6})(s|m|h|d|w|mo|y)$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
/** With seconds, or without. */
const INSTANT = /^(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2})(:\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/i;

/** A text that names no time; the message is for whoever typed it. */
export class TimeError extends Error {
  override name = 'TimeError';
}

/**
 * When a token shall expire: `90d`, `12w`, `6mo`, `1y`, a date (through its end, UTC), an instant, or `never` (null).
 * @throws TimeError
 */
export function parseExpiry(text: string, now: Date): string | null {
  if (text === 'never') return null;
  const amount = amountOf(text);
  if (amount) return shifted(now, amount, 1).toISOString();
  if (DATE.test(text)) return instantOf(`${text}T23:59:59.999Z`, text);
  if (INSTANT.test(text)) return instantOf(text, text);
  throw new TimeError('Give 90d, 12w, 6mo or 1y, a date such as 2027-01-31, an RFC 3339 time, or never.');
}

/**
 * A time of the past: `2h` (ago), a date (its beginning, UTC), or an instant.
 * @throws TimeError
 */
export function parsePast(text: string, now: Date): string {
  const amount = amountOf(text);
  if (amount) return shifted(now, amount, -1).toISOString();
  if (DATE.test(text)) return instantOf(`${text}T00:00:00.000Z`, text);
  if (INSTANT.test(text)) return instantOf(text, text);
  throw new TimeError('Give how long ago (30m, 2h, 7d), a date such as 2027-01-31, or an RFC 3339 time.');
}

/**
 * A length of time in seconds: `90s`, `30m`, `24h`, `7d`, `1w`.
 * @throws TimeError
 */
export function parseSeconds(text: string): number {
  const amount = amountOf(text);
  if (!amount || amount.unit === 'mo' || amount.unit === 'y') throw new TimeError('Give 90s, 30m, 24h, 7d or 1w.');
  return (amount.count * UNITS[amount.unit]) / SECOND;
}

/** `2027-01-31 09:26:53Z` */
export function absolute(at: string): string {
  return `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

/** `in 89 days`, `3 minutes ago` */
export function relative(at: string, now: Date): string {
  const distance = Date.parse(at) - now.getTime();
  const length = lengthOf(Math.abs(distance));
  if (length === NO_TIME) return 'just now';
  return distance > 0 ? `in ${length}` : `${length} ago`;
}

/** `89 days`: the largest unit that fits, rounded down, so that nothing is promised longer than it lasts. */
export function lengthOf(milliseconds: number): string {
  const units = [
    ['year', 365 * DAY],
    ['day', DAY],
    ['hour', HOUR],
    ['minute', MINUTE],
    ['second', SECOND],
  ] as const;
  // Two years first: 400 days tell more than 1 year.
  const [name, size] = units.find(([unit, size]) => milliseconds >= (unit === 'year' ? 2 * size : size)) ?? [];
  if (!name) return NO_TIME;
  const count = Math.floor(milliseconds / size);
  return counted(count, name);
}

const NO_TIME = '0 seconds';

interface Amount {
  readonly count: number;
  readonly unit: keyof typeof UNITS | 'mo' | 'y';
}

function amountOf(text: string): Amount | null {
  const match = AMOUNT.exec(text);
  return match && { count: Number(match[1]), unit: match[2] as Amount['unit'] };
}

function shifted(now: Date, { count, unit }: Amount, direction: 1 | -1): Date {
  const result = new Date(now);
  if (unit === 'mo' || unit === 'y') {
    result.setUTCMonth(now.getUTCMonth() + direction * count * (unit === 'y' ? 12 : 1));
    // A month later than 31 January is the end of February, not a day of March.
    if (result.getUTCDate() !== now.getUTCDate()) result.setUTCDate(0);
  } else {
    result.setTime(now.getTime() + direction * count * UNITS[unit]);
  }
  // RFC 3339 has four digits for a year.
  if (!(result.getUTCFullYear() >= 1 && result.getUTCFullYear() <= 9999)) throw new TimeError('That is too far away.');
  return result;
}

function instantOf(iso: string, given: string): string {
  const read = readInstant(
    iso.replace(INSTANT, (_, minute, seconds = ':00', offset) => `${minute}${seconds}${offset}`),
  );
  if (read === null) throw new TimeError(`There is no such time as ${given}.`);
  return read;
}
