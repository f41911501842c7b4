import { z } from 'zod';
import { defineEvent, eventBase } from '../message.js';
import { exampleBase, exampleFacts, exampleUserId, userFacts } from './user-facts.js';

/** A login by password or by an external provider succeeded. */
export const userLoggedIn = defineEvent({
  subject: 'identity.user-logged-in',
  schema: eventBase.extend({
    type: z.literal('user-logged-in'),
    userId: z.uuid(),
    user: userFacts,
    method: z.enum(['password', 'oidc']),
    ip: z.string().nullable(),
  }),
  example: {
    ...exampleBase,
    type: 'user-logged-in',
    userId: exampleUserId,
    user: exampleFacts,
    method: 'password',
    ip: '192.0.2.7',
  },
});
export type UserLoggedIn = z.infer<typeof userLoggedIn.schema>;
