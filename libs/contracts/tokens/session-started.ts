import { z } from 'zod';
import { defineEvent, eventBase, instant } from '../message.js';
import { exampleToken } from './example-token.js';

/** Somebody logged in with a password, or opened a session with a token. */
export const sessionStarted = defineEvent({
  subject: 'tokens.session-started',
  schema: eventBase.extend({
    type: z.literal('session-started'),
    sessionId: z.uuid(),
    userId: z.uuid(),
    tokenId: z.uuid().nullable(),
    expiresAt: instant,
    /** Of the token's secret that was proved; null for a password. */
    secretGeneration: z.int().positive().nullish(),
    /** Of a session that a password started: the version of the user then, and of which epoch of identity's log. */
    userVersion: z.int().positive().optional(),
    userEpoch: z.int().nonnegative().optional(),
  }),
  example: {
    ...exampleToken,
    type: 'session-started',
    sessionId: '01997c9e-4444-7444-8444-444444444444',
    userId: '01997c9e-1111-7111-8111-111111111111',
    expiresAt: '2026-03-14T21:26:53.589Z',
  },
});
export type SessionStarted = z.infer<typeof sessionStarted.schema>;
