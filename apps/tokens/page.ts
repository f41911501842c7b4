import { Problem } from '@tokenlog/platform/problem.js';
import { z } from 'zod';

/** How much of a list is asked for, and after what. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(500).default(50),
  /** Far longer than any: those of versions before this hold whole descriptions. */
  cursor: z.string().max(8000).optional(),
};

/** A page of a list: `nextCursor` is null on the last one. */
export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable(), total: z.int() });

/** A place in a list as text that means nothing to its reader. */
export function encodeCursor(place: unknown): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

/**
 * Reads a cursor of this same list.
 * @throws Problem 400 `invalid-cursor`
 */
export function decodeCursor<Place>(schema: z.ZodType<Place>, cursor: string): Place {
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
  } catch {
    throw new Problem(400, 'invalid-cursor', 'cursor: this is not a nextCursor of this list.', {
      errors: [{ field: 'cursor', detail: 'is not a nextCursor of this list' }],
    });
  }
}
