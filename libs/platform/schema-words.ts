import { z } from 'zod';

/** What is said of a field that is not there. */
export const MISSING = 'is missing';

/**
 * What a schema finds wrong, in our words: they stand after the field, as in `id: not an id`. What a schema says itself stays.
 * None repeats what was sent.
 */
const words: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? MISSING : `not ${TYPES[issue.expected] ?? 'of the right type'}`;
    case 'invalid_value':
      return issue.input === undefined ? MISSING : noneOf(issue.values);
    case 'invalid_format':
      return `not ${FORMATS[issue.format] ?? 'in the right form'}`;
    case 'too_small':
      return tooSmall(issue.origin, Number(issue.minimum), issue.inclusive !== false);
    case 'too_big':
      return tooBig(issue.origin, Number(issue.maximum), issue.inclusive !== false);
    case 'not_multiple_of':
      return `not a multiple of ${issue.divisor}`;
    case 'unrecognized_keys':
      return 'has a field that is not known here';
    case 'invalid_union':
      // Of one by a field: that field stands in the path.
      if (issue.discriminator === undefined) return 'in none of its forms';
      return Array.isArray(issue.options) ? noneOf(issue.options) : 'not one of its forms';
    case 'invalid_key':
      return 'has a key that cannot be used';
    default:
      return 'cannot be used';
  }
};

const TYPES: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
};

const FORMATS: Record<string, string> = {
  uuid: 'an id',
  guid: 'an id',
  email: 'an e-mail address',
  url: 'a URL',
  datetime: 'a time (RFC 3339)',
  base64url: 'base64url',
  ipv4: 'an IP address',
  ipv6: 'an IP address',
  safeint: 'a whole number',
  int32: 'a whole number of 32 bits',
};

function noneOf(values: readonly unknown[]): string {
  const [first, ...others] = values.map(String);
  return others.length === 0 ? `not ${first}` : `not one of ${[first, ...others].join(', ')}`;
}

const UNITS: Record<string, string> = { string: 'character', array: 'entry', set: 'entry', map: 'entry' };

function tooSmall(origin: string, least: number, inclusive: boolean): string {
  const unit = UNITS[origin];
  if (unit === undefined) return inclusive ? `less than ${least}` : `not more than ${least}`;
  return least === 1 ? 'is empty' : `has fewer than ${counted(least, unit)}`;
}

function tooBig(origin: string, most: number, inclusive: boolean): string {
  const unit = UNITS[origin];
  if (unit === undefined) return inclusive ? `more than ${most}` : `not less than ${most}`;
  return most === 0 ? 'is not empty' : `has more than ${counted(most, unit)}`;
}

function counted(count: number, unit: string): string {
  if (count === 1) return `1 ${unit}`;
  return `${count} ${unit === 'entry' ? 'entries' : `${unit}s`}`;
}

z.config({ customError: words });
