import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { headerParameter } from '@tokenlog/platform/header-parameter.js';
import { invalidRequest } from '@tokenlog/platform/problem.js';
import type { Request } from 'express';

const SHORTEST = 16;
const LONGEST = 255;
/** What a key that anybody chose at random has at least: 16 hexadecimal digits, 20 decimal ones. */
const LEAST_BITS = 64;
const FEWEST_DIFFERENT = 5;
/** Of the neighbours in a text, so many may be the same character or the next one, as in `aaaa` and `1234`. */
const MOST_STEPS = 0.8;
/** RFC 9562, but for the nil and the max UUID. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;
/** When something is asked is what others can guess first. */
const DATE = /^(?:19|20)\d\d-[01]\d-[0-3]\d(?:\D|$)/;
/** What needs no escape in a string of RFC 9651, and separates nothing in a header. */
const CHARACTERS = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/;

/** A request that may be repeated until it is answered: what it asks, and its key. */
export interface RepeatableRequest {
  /** Never kept, logged or shown: the answer is kept under it. */
  readonly key: string;
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/**
 * The key in an `Idempotency-Key`: a string of RFC 9651, as the IETF's draft has it, or the same without quotes.
 * @throws Problem 400 `invalid-request` naming the header, for what others might guess or use too
 */
export function parseIdempotencyKey(header: string): string {
  const text = header.trim();
  const key = /^"(.*)"$/.exec(text)?.[1] ?? text;
  if (key.length > LONGEST || !CHARACTERS.test(key) || !(UUID.test(key) || looksRandom(key))) {
    const detail = `must be a UUID, or ${SHORTEST} to ${LONGEST} random letters and digits: whoever guesses it could read the answer`;
    throw invalidRequest([{ field: 'Idempotency-Key', detail }]);
  }
  return UUID.test(key) ? key.toLowerCase() : key;
}

/** Refuses what is surely no random text; that another is one cannot be told. */
function looksRandom(key: string): boolean {
  if (key.length < SHORTEST || DATE.test(key)) return false;
  const bits = key.length * Math.log2(alphabetOf(key));
  const codes = [...key].map((character) => character.charCodeAt(0));
  const steps = codes.filter((code, at) => at > 0 && [0, 1].includes(Math.abs(code - (codes[at - 1] as number))));
  return (
    bits >= LEAST_BITS && new Set(codes).size >= FEWEST_DIFFERENT && steps.length < MOST_STEPS * (codes.length - 1)
  );
}

/** Of how many characters a text seems to be chosen. */
function alphabetOf(text: string): number {
  if (/^\d*$/.test(text)) return 10;
  if (/^[\da-f]*$|^[\dA-F]*$/.test(text)) return 16;
  const kinds: readonly [RegExp, number][] = [
    [/\d/, 10],
    [/[a-z]/, 26],
    [/[A-Z]/, 26],
    [/[^\dA-Za-z]/, 2],
  ];
  return kinds.reduce((sum, [kind, size]) => sum + (kind.test(text) ? size : 0), 0);
}

/** The request, where it has an `Idempotency-Key`; else null. */
export const Repeatable = createParamDecorator(
  (_: unknown, context: ExecutionContext): RepeatableRequest | null => {
    const { headers, method, path, body } = context.switchToHttp().getRequest<Request>();
    const header = headers['idempotency-key'];
    if (header === undefined) return null;
    // Node joins what is sent twice by a comma, which is in no key.
    return { key: parseIdempotencyKey(String(header)), method, path, body };
  },
  [
    headerParameter({
      name: 'Idempotency-Key',
      description:
        'A random UUID of your own: for a day, the same request with it gets the same answer again, the secret included.',
      problems: ['request-under-way', 'idempotency-key-reused'],
      answered: [
        { name: 'Idempotent-Replayed', description: '`true`: the answer of an earlier request, again.' },
        {
          name: 'Retry-After',
          description: 'With `request-under-way`: when to ask again, in seconds.',
          statuses: [409],
        },
      ],
    }),
  ],
);
