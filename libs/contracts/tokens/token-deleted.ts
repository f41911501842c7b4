import { z } from 'zod';
import { defineEvent, eventBase } from '../message.js';
import { exampleToken } from './example-token.js';

/** The token left the table; its history stays (S22). */
export const tokenDeleted = defineEvent({
  subject: 'tokens.token-deleted',
  schema: eventBase.extend({
    type: z.literal('token-deleted'),
    tokenId: z.uuid(),
  }),
  example: { ...exampleToken, type: 'token-deleted' },
});
export type TokenDeleted = z.infer<typeof tokenDeleted.schema>;
