import { z } from 'zod';
import { address, defineRequest, enteredPassword } from '../message.js';

/** The token service asks identity to check a password that was entered again (S11). Counts towards the login throttle. */
export const checkPassword = defineRequest({
  subject: 'internal.identity.check-password',
  request: z.strictObject({ userId: z.uuid(), password: enteredPassword, ip: address.nullable() }),
  reply: z.discriminatedUnion('outcome', [
    z.object({ outcome: z.literal('right') }),
    z.object({ outcome: z.literal('wrong') }),
    z.object({ outcome: z.literal('no-local-password') }),
    z.object({ outcome: z.literal('throttled'), retryAfterSeconds: z.int().positive() }),
  ]),
  example: {
    request: { userId: '01997c9e-1111-7111-8111-111111111111', password: 'correct horse', ip: '192.0.2.7' },
    reply: { outcome: 'right' },
  },
});
export type CheckPasswordReply = z.infer<typeof checkPassword.reply>;
