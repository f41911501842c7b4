import { z } from 'zod';
import { passwordChangeEffect } from '../identity/password-changed.js';
import { defineRequest } from '../message.js';
import { named } from '../named.js';

const shown: {
  policy: 'revoke';
  tokens: { id: string; description: string; state: string }[];
  sessions: number;
} = {
  policy: 'revoke',
  tokens: [{ id: '01997c9e-2222-7222-8222-222222222222', description: 'nightly export', state: 'active' }],
  sessions: 1,
};

/** What a password change, or the user's deletion, would touch (S43). Nothing is changed. */
export const userImpact = defineRequest({
  subject: 'internal.tokens.user-impact',
  request: z.strictObject({ userId: z.uuid() }),
  reply: named(
    'UserImpact',
    z.object({
      policy: passwordChangeEffect,
      tokens: z.array(z.object({ id: z.uuid(), description: z.string(), state: z.string() })),
      sessions: z.int().nonnegative(),
    }),
    shown,
  ),
  example: {
    request: { userId: '01997c9e-1111-7111-8111-111111111111' },
    reply: shown,
  },
});
export type UserImpact = z.infer<typeof userImpact.reply>;
