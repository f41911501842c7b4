import { z } from 'zod';
import { exampleFacts, userFacts } from '../identity/user-facts.js';
import { defineRequest } from '../message.js';

/** The most users that one reply tells of; a page of users who have many roles is shorter. */
export const USERS_PER_REPLY = 500;

/** How many are asked for by their ids at once: however many roles they have, a message holds them. */
export const USERS_PER_QUESTION = 40;

/**
 * The token service asks what identity's database says of users now: page by page in the order of their ids, or of some by
 * their ids. Whom the reply leaves out does not exist. `epoch`: which history of identity's log this is; a version is later
 * than another one of an earlier epoch, whatever their numbers.
 */
export const usersStanding = defineRequest({
  subject: 'internal.identity.users-standing',
  request: z.union([
    z.strictObject({ ids: z.array(z.uuid()).max(USERS_PER_REPLY) }),
    z.strictObject({ after: z.uuid().nullable() }),
  ]),
  reply: z.object({
    epoch: z.int().nonnegative(),
    users: z.array(z.object({ id: z.uuid(), version: z.int32().positive(), facts: userFacts })),
    /** The last id of a page that is not the last one. */
    next: z.uuid().nullable(),
  }),
  example: {
    request: { after: null },
    reply: {
      epoch: 1_763_000_000_000,
      users: [{ id: '01997c9e-1111-7111-8111-111111111111', version: 3, facts: exampleFacts }],
      next: null,
    },
  },
});
export type UserStanding = z.infer<typeof usersStanding.reply>['users'][number];
