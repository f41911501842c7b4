import { z } from 'zod';
import { defineEvent, eventBase } from '../message.js';
import { exampleToken } from './example-token.js';
import { refusalReason } from './verify.js';

/**
 * Somebody who proved a secret of the token was refused (S20, S33): the holder of an old secret is to be warned. At most
 * one a minute for each token and reason; a refusal without proof leaves no trace.
 */
export const tokenRefused = defineEvent({
  subject: 'tokens.token-refused',
  schema: eventBase.extend({
    type: z.literal('token-refused'),
    tokenId: z.uuid(),
    reason: refusalReason,
    /** As in the reply to `tokens.verify`. */
    missing: z.literal('role').optional(),
    service: z.string().nullable(),
    ip: z.string().nullable(),
  }),
  example: { ...exampleToken, type: 'token-refused', reason: 'superseded', service: 'example-api', ip: '192.0.2.7' },
});
export type TokenRefused = z.infer<typeof tokenRefused.schema>;
