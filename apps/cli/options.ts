import { InvalidArgumentError } from '@commander-js/extra-typings';
import { EXIT, localFailure } from './failure.js';
import { parseExpiry, parsePast, parseSeconds, TimeError } from './times.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const TOKEN_ID = /^(?:tk[ls]_)?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})_?$/i;
const SECRET = /tk[ls]_[0-9a-f]{32}_[0-9a-z]{20,}/i;

/** What `--expires` says; null: never. */
export interface Expiry {
  readonly expiresAt: string | null;
}

/** Parsers of options and arguments; what they throw is a usage error that names the option. */
export const parse = {
  /** An id as the lists show it, or as it stands in a token's text: `tkl_<id>`. */
  id(text: string): string {
    const match = TOKEN_ID.exec(text);
    if (!match) throw new InvalidArgumentError('An id looks like 01997c9e-2222-7222-8222-222222222222.');
    return match.slice(1).join('-').toLowerCase();
  },
  /** Collects `--scope a --scope b` and `--scope a,b`. */
  words(text: string, before: readonly string[] | undefined): readonly string[] {
    const words = text.split(',').map((word) => word.trim());
    return [...new Set([...(before ?? []), ...words.filter((word) => word !== '')])];
  },
  count(text: string): number {
    if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('It must be a whole number, 1 or more.');
    return Number(text);
  },
  /** As a part of a body: commander takes a bare null for no value at all. */
  expiry: (text: string): Expiry => timeOf(() => ({ expiresAt: parseExpiry(text, new Date()) })),
  past: (text: string): string => timeOf(() => parsePast(text, new Date())),
  seconds: (text: string): number => timeOf(() => parseSeconds(text)),
};

/** Whether a text is a user's or token's id rather than a name. */
export function isId(text: string): boolean {
  return UUID.test(text);
}

/** Whether one of the arguments holds a credential's text, which others can read there. */
export function hasSecret(args: readonly string[]): boolean {
  return args.some((arg) => SECRET.test(arg));
}

/** @throws Failure (usage) when a command that changes something was given nothing to change */
export function refuseEmpty(changes: Readonly<Record<string, unknown>>): void {
  if (Object.values(changes).some((value) => value !== undefined)) return;
  throw localFailure(EXIT.usage, 'nothing-to-change', 'Say what to change: see --help.');
}

function timeOf<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (error instanceof TimeError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}
