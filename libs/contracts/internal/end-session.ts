import { z } from 'zod';
import { actor, defineRequest } from '../message.js';

/** Identity asks for the end of a session at logout. Ending an ended session is no error. */
export const endSession = defineRequest({
  subject: 'internal.tokens.end-session',
  request: z.strictObject({ sessionId: z.uuid(), by: actor }),
  reply: z.object({ ended: z.literal(true) }),
  example: {
    request: { sessionId: '01997c9e-4444-7444-8444-444444444444', by: { kind: 'system' } },
    reply: { ended: true },
  },
});
