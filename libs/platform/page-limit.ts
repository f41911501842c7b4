import { z } from 'zod';

/** How many items of a list are asked for: a whole number in decimal digits. */
export const pageLimit = (most: number, usual: number) =>
  z
    .preprocess(
      (text) => (typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : text),
      z
        .int({ error: ({ code }) => (code === 'invalid_type' ? 'not a whole number' : undefined) })
        .min(1)
        .max(most),
    )
    .default(usual);
