import { z } from 'zod';
import { readInstant } from './read-instant.js';

/** An instant in a message: taken in any form of RFC 3339, and read as UTC with milliseconds. */
export const instant = z
  .string()
  .meta({ format: 'date-time' })
  .overwrite((text) => readInstant(text) ?? '')
  .refine((text) => text !== '', {
    error: 'must be an RFC 3339 time of the years 0001 to 9999, such as 2027-01-31T09:26:53Z',
  });
