import { z } from 'zod';
import { defineEvent, eventBase } from '../message.js';
import { exampleBase, exampleFacts, exampleUserId, userFacts } from './user-facts.js';

/** A user exists from now on. */
export const userRegistered = defineEvent({
  subject: 'identity.user-registered',
  schema: eventBase.extend({
    type: z.literal('user-registered'),
    userId: z.uuid(),
    user: userFacts,
  }),
  example: { ...exampleBase, type: 'user-registered', userId: exampleUserId, user: exampleFacts },
});
export type UserRegistered = z.infer<typeof userRegistered.schema>;
