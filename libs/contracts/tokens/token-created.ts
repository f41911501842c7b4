import { z } from 'zod';
import { defineEvent, eventBase, instant } from '../message.js';
import { exampleToken } from './example-token.js';

/** A token was issued. */
export const tokenCreated = defineEvent({
  subject: 'tokens.token-created',
  schema: eventBase.extend({
    type: z.literal('token-created'),
    tokenId: z.uuid(),
    userId: z.uuid(),
    username: z.string(),
    description: z.string(),
    scopes: z.array(z.string()),
    expiresAt: instant.nullable(),
    secretGeneration: z.int().positive(),
  }),
  example: {
    ...exampleToken,
    type: 'token-created',
    userId: '01997c9e-1111-7111-8111-111111111111',
    username: 'ada',
    description: 'nightly export',
    scopes: ['rest'],
    expiresAt: null,
    secretGeneration: 1,
  },
});
export type TokenCreated = z.infer<typeof tokenCreated.schema>;
