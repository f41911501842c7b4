import { z } from 'zod';
import { defineEvent, eventBase } from '../message.js';
import { exampleBase, exampleFacts, exampleUserId, userFacts } from './user-facts.js';

/** What a password change does to the user's tokens and sessions (S43). */
export const passwordChangeEffect = z.enum(['revoke', 'end-sessions', 'keep']);
export type PasswordChangeEffect = z.infer<typeof passwordChangeEffect>;

/**
 * The password was changed by its user (S13) or set by the help desk (S12). `tokens` overrides the token service's
 * policy for this change; `exceptSessionId` is the session that made the change, which goes on.
 */
export const passwordChanged = defineEvent({
  subject: 'identity.password-changed',
  schema: eventBase.extend({
    type: z.literal('password-changed'),
    userId: z.uuid(),
    user: userFacts,
    tokens: passwordChangeEffect.nullable(),
    exceptSessionId: z.uuid().nullable(),
  }),
  example: {
    ...exampleBase,
    type: 'password-changed',
    userId: exampleUserId,
    user: exampleFacts,
    tokens: 'keep',
    exceptSessionId: null,
  },
});
export type PasswordChanged = z.infer<typeof passwordChanged.schema>;
