import { z } from 'zod';
import { role } from '../message.js';

/**
 * What other services may know of a user. Ids, the account name and roles; never contact data, never a password.
 * Every identity event but the last carries them whole, so that a reader needs no history.
 */
export const userFacts = z.object({
  username: z.string(),
  kind: z.enum(['person', 'application']),
  roles: z.array(role),
  disabled: z.boolean(),
  hasPassword: z.boolean(),
  mustChangePassword: z.boolean(),
  hasLoggedIn: z.boolean(),
});
export type UserFacts = z.infer<typeof userFacts>;

export const exampleFacts: UserFacts = {
  username: 'ada',
  kind: 'person',
  roles: ['operator'],
  disabled: false,
  hasPassword: true,
  mustChangePassword: false,
  hasLoggedIn: true,
};

export const exampleBase = {
  id: '01997c9e-52f0-7b11-9a55-3c1f0a2b4c5d',
  at: '2026-03-14T09:26:53.589Z',
  version: 3,
  by: { kind: 'user' as const, id: '01997c9e-0000-7000-8000-000000000001', username: 'admin' },
};
export const exampleUserId = '01997c9e-1111-7111-8111-111111111111';
