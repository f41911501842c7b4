import { z } from 'zod';
import { defineEvent, eventBase } from '../message.js';
import { exampleToken } from './example-token.js';

export const sessionEndReason = z.enum([
  'logout',
  'ended',
  'token',
  'user-deleted',
  'user-disabled',
  'password-changed',
]);
export type SessionEndReason = z.infer<typeof sessionEndReason>;

/** A session is over before its expiry: its user's doing, an admin's, or because what it stood on ended (S29). */
export const sessionEnded = defineEvent({
  subject: 'tokens.session-ended',
  schema: eventBase.extend({
    type: z.literal('session-ended'),
    sessionId: z.uuid(),
    userId: z.uuid(),
    tokenId: z.uuid().nullable(),
    reason: sessionEndReason,
  }),
  example: {
    ...exampleToken,
    type: 'session-ended',
    sessionId: '01997c9e-4444-7444-8444-444444444444',
    userId: '01997c9e-1111-7111-8111-111111111111',
    reason: 'logout',
  },
});
export type SessionEnded = z.infer<typeof sessionEnded.schema>;
