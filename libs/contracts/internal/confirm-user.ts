import { z } from 'zod';
import { defineRequest } from '../message.js';

/**
 * Identity asks whether what it said of a user up to `version` holds: applied, and forgotten by caching guards. Asked where a
 * change finds nothing to change, which may be the second try of one that was broken off.
 */
export const confirmUser = defineRequest({
  subject: 'internal.tokens.confirm-user',
  request: z.strictObject({
    userId: z.uuid(),
    version: z.int32().positive(),
    /** Which history of identity's log the version is of. */
    epoch: z.int().nonnegative().optional(),
  }),
  reply: z.object({ holds: z.literal(true) }),
  example: {
    request: { userId: '01997c9e-1111-7111-8111-111111111111', version: 3, epoch: 1_763_000_000_000 },
    reply: { holds: true },
  },
});
