import { z } from 'zod';
import { defineRequest } from '../message.js';

/**
 * The token service has found that it knows later versions of users than identity's database has: that one was restored.
 * Identity begins another epoch, unless it has since `after`.
 */
export const beginEpoch = defineRequest({
  subject: 'internal.identity.begin-epoch',
  request: z.strictObject({ after: z.int().nonnegative() }),
  reply: z.object({ epoch: z.int().positive() }),
  example: { request: { after: 1_763_000_000_000 }, reply: { epoch: 1_763_000_086_400 } },
});
