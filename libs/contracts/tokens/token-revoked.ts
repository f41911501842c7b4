import { z } from 'zod';
import { defineEvent, eventBase } from '../message.js';
import { exampleToken } from './example-token.js';

/** The token is over for good (S21). */
export const tokenRevoked = defineEvent({
  subject: 'tokens.token-revoked',
  schema: eventBase.extend({
    type: z.literal('token-revoked'),
    tokenId: z.uuid(),
    reason: z.string().nullable(),
  }),
  example: { ...exampleToken, type: 'token-revoked', reason: 'laptop lost' },
});
export type TokenRevoked = z.infer<typeof tokenRevoked.schema>;
