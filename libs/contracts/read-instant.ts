const EXACT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const DATE_TIME = /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
const LEAP_SECOND = /^(\d{4}-\d\d-\d\dT\d\d:\d\d):60(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const YEAR_1 = Date.parse('0001-01-01T00:00:00Z');
const YEAR_10000 = Date.parse('+010000-01-01T00:00:00Z');

/**
 * An instant in any form of RFC 3339, in the one form that we write: UTC, milliseconds, `2027-01-31T09:26:53.589Z`; what is finer is
 * cut off. Letters may be small, a space may stand for the T (5.6), and a leap second (5.7: the last of a month in UTC) is the first
 * second after it, as clocks count that know none. `null`: it is none, or an offset carries it out of the years that four digits name.
 */
export function readInstant(text: string): string | null {
  if (EXACT.test(text) && !text.startsWith('0000')) return isDateTime(text) ? text : null;
  const upper = text.toUpperCase().replace(/^(\d{4}-\d\d-\d\d) /, '$1T');
  const [, minute, fraction = '', offset] = LEAP_SECOND.exec(upper) ?? [];
  const plain = minute === undefined ? upper : `${minute}:59${fraction}${offset}`;
  if (!isDateTime(plain)) return null;
  const time = Date.parse(plain) + (minute === undefined ? 0 : 1000);
  const isMeant = isNamed(time) && (minute === undefined || isFirstOfMonth(new Date(time)));
  return isMeant ? new Date(time).toISOString() : null;
}

function isDateTime(text: string): boolean {
  const date = DATE_TIME.exec(text)?.[1];
  if (date === undefined) return false;
  const midnight = Date.parse(`${date}T00:00:00Z`);
  // 31 February is no time to some parsers, and 3 March to others.
  return !Number.isNaN(midnight) && new Date(midnight).toISOString().startsWith(date);
}

function isNamed(time: number): boolean {
  return time >= YEAR_1 && time < YEAR_10000;
}

function isFirstOfMonth(at: Date): boolean {
  return at.getUTCDate() === 1 && at.getUTCHours() === 0 && at.getUTCMinutes() === 0 && at.getUTCSeconds() === 0;
}
