import { z } from 'zod';
import { defineEvent, eventBase, instant } from '../message.js';
import { exampleToken } from './example-token.js';

/**
 * The token ends in `thresholdDays` days or sooner (S41). Once for each threshold and expiry; of thresholds that passed
 * together, as they do while the service is down, the nearest to the end alone.
 */
export const tokenExpiring = defineEvent({
  subject: 'tokens.token-expiring',
  schema: eventBase.extend({
    type: z.literal('token-expiring'),
    tokenId: z.uuid(),
    userId: z.uuid(),
    username: z.string(),
    description: z.string(),
    expiresAt: instant,
    thresholdDays: z.int().positive(),
  }),
  example: {
    ...exampleToken,
    type: 'token-expiring',
    userId: '01997c9e-1111-7111-8111-111111111111',
    username: 'ada',
    description: 'nightly export',
    expiresAt: '2026-03-21T09:26:53.589Z',
    thresholdDays: 7,
  },
});
export type TokenExpiring = z.infer<typeof tokenExpiring.schema>;
