import { z } from 'zod';
import { defineEvent, eventBase } from '../message.js';
import { exampleBase, exampleUserId } from './user-facts.js';

/** The user is gone. Only the id and the account name remain, for the audit. */
export const userDeleted = defineEvent({
  subject: 'identity.user-deleted',
  schema: eventBase.extend({
    type: z.literal('user-deleted'),
    userId: z.uuid(),
    username: z.string(),
  }),
  example: { ...exampleBase, type: 'user-deleted', userId: exampleUserId, username: 'ada' },
});
export type UserDeleted = z.infer<typeof userDeleted.schema>;
