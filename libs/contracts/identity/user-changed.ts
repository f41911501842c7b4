import { z } from 'zod';
import { defineEvent, eventBase } from '../message.js';
import { exampleBase, exampleFacts, exampleUserId, userFacts } from './user-facts.js';

/** Roles, the account name, or whether the account is disabled changed; `user` is how it is now. */
export const userChanged = defineEvent({
  subject: 'identity.user-changed',
  schema: eventBase.extend({
    type: z.literal('user-changed'),
    userId: z.uuid(),
    user: userFacts,
  }),
  example: { ...exampleBase, type: 'user-changed', userId: exampleUserId, user: exampleFacts },
});
export type UserChanged = z.infer<typeof userChanged.schema>;
