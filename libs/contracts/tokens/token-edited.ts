import { z } from 'zod';
import { defineEvent, eventBase, instant } from '../message.js';
import { exampleToken } from './example-token.js';

/** Description, scopes or expiry are now these (S18). */
export const tokenEdited = defineEvent({
  subject: 'tokens.token-edited',
  schema: eventBase.extend({
    type: z.literal('token-edited'),
    tokenId: z.uuid(),
    description: z.string(),
    scopes: z.array(z.string()),
    expiresAt: instant.nullable(),
  }),
  example: { ...exampleToken, type: 'token-edited', description: 'nightly export', scopes: ['rest'], expiresAt: null },
});
export type TokenEdited = z.infer<typeof tokenEdited.schema>;
