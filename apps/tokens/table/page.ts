import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { pageLimit } from '@tokenlog/platform/page-limit.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { z } from 'zod';

/** How much of a list is asked for, and after what. */
export const pageQuery = {
  limit: pageLimit(500, 50),
  /** Far longer than any: those of versions before this hold whole descriptions. */
  cursor: z.string().max(8000).optional(),
};

/** A page of a list: `nextCursor` is null on the last one. */
export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable(), total: z.int() });

/** Longer places are compressed: that of the audit names each transaction that was open then, twice. */
const LONGEST_PLAIN = 256;
/** What no base64url begins with. */
const COMPRESSED = '~';
const LONGEST_PLACE = 1_000_000;

/** A place in a list as text that means nothing to its reader. */
export function encodeCursor(place: unknown): string {
  const json = JSON.stringify(place);
  if (json.length <= LONGEST_PLAIN) return Buffer.from(json).toString('base64url');
  return COMPRESSED + deflateRawSync(json).toString('base64url');
}

/**
 * Reads a cursor of this same list.
 * @throws Problem 400 `invalid-cursor`
 */
export function decodeCursor<Place>(schema: z.ZodType<Place>, cursor: string): Place {
  try {
    return schema.parse(JSON.parse(plainOf(cursor)));
  } catch {
    throw new Problem('invalid-cursor', 'cursor: this is not a nextCursor of this list.', {
      errors: [{ field: 'cursor', detail: 'is not a nextCursor of this list' }],
    });
  }
}

function plainOf(cursor: string): string {
  if (!cursor.startsWith(COMPRESSED)) return Buffer.from(cursor, 'base64url').toString();
  const bytes = Buffer.from(cursor.slice(COMPRESSED.length), 'base64url');
  return inflateRawSync(bytes, { maxOutputLength: LONGEST_PLACE }).toString();
}
