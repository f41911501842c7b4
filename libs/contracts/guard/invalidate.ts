import { z } from 'zod';
import { defineEvent } from '../message.js';

/**
 * Told to every caching guard after a commit, and again until it is acknowledged: forget what you hold of these. `all`:
 * forget everything.
 */
export const invalidate = defineEvent({
  subject: 'internal.guard.invalidate',
  schema: z.object({
    id: z.uuid(),
    all: z.boolean(),
    tokens: z.array(z.uuid()),
    sessions: z.array(z.uuid()),
    users: z.array(z.uuid()),
  }),
  example: {
    id: '01997c9e-6666-7666-8666-666666666666',
    all: false,
    tokens: ['01997c9e-2222-7222-8222-222222222222'],
    sessions: [],
    users: [],
  },
});
export type Invalidate = z.infer<typeof invalidate.schema>;
