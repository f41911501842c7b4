import { z } from 'zod';
import { defineEvent, eventBase } from '../message.js';
import { exampleToken } from './example-token.js';

/** The token belongs to another user now, with a new secret (S31). */
export const tokenReassigned = defineEvent({
  subject: 'tokens.token-reassigned',
  schema: eventBase.extend({
    type: z.literal('token-reassigned'),
    tokenId: z.uuid(),
    userId: z.uuid(),
    username: z.string(),
    previousUserId: z.uuid(),
    secretGeneration: z.int().positive(),
  }),
  example: {
    ...exampleToken,
    type: 'token-reassigned',
    userId: '01997c9e-3333-7333-8333-333333333333',
    username: 'grace',
    previousUserId: '01997c9e-1111-7111-8111-111111111111',
    secretGeneration: 3,
  },
});
export type TokenReassigned = z.infer<typeof tokenReassigned.schema>;
