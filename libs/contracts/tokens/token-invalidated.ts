import { z } from 'zod';
import { defineEvent, eventBase } from '../message.js';
import { exampleToken } from './example-token.js';

/** The token's user is gone; it can be attached to another one (S30). */
export const tokenInvalidated = defineEvent({
  subject: 'tokens.token-invalidated',
  schema: eventBase.extend({
    type: z.literal('token-invalidated'),
    tokenId: z.uuid(),
    cause: z.enum(['user-deleted']),
  }),
  example: { ...exampleToken, type: 'token-invalidated', cause: 'user-deleted' },
});
export type TokenInvalidated = z.infer<typeof tokenInvalidated.schema>;
