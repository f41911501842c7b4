import { z } from 'zod';
import { defineEvent } from '../message.js';

/** A guard holds nothing any more of what an invalidation named. Said under the name that it has its lease by. */
export const acknowledged = defineEvent({
  subject: 'tokens.guard.acknowledged',
  schema: z.object({ invalidation: z.uuid(), guard: z.uuid() }),
  example: {
    invalidation: '01997c9e-6666-7666-8666-666666666666',
    guard: '01997c9e-5555-7555-8555-555555555555',
  },
});
export type Acknowledged = z.infer<typeof acknowledged.schema>;
