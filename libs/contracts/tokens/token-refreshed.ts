import { z } from 'zod';
import { defineEvent, eventBase, instant } from '../message.js';
import { exampleToken } from './example-token.js';

/** The token has a new secret; the old one ends at once, or when the grace period does (S19). */
export const tokenRefreshed = defineEvent({
  subject: 'tokens.token-refreshed',
  schema: eventBase.extend({
    type: z.literal('token-refreshed'),
    tokenId: z.uuid(),
    secretGeneration: z.int().positive(),
    expiresAt: instant.nullable(),
    gracePeriodEndsAt: instant.nullable(),
    /** Whether the grace periods of secrets from before go on; left out, as in older events: they ended. */
    gracePeriodsKept: z.boolean().optional(),
  }),
  example: { ...exampleToken, type: 'token-refreshed', secretGeneration: 2, expiresAt: null, gracePeriodEndsAt: null },
});
export type TokenRefreshed = z.infer<typeof tokenRefreshed.schema>;
