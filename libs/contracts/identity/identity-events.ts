import { z } from 'zod';
import { passwordChanged } from './password-changed.js';
import { userChanged } from './user-changed.js';
import { userDeleted } from './user-deleted.js';
import { userLoggedIn } from './user-logged-in.js';
import { userRegistered } from './user-registered.js';

/** Every event that identity publishes, as the stream IDENTITY holds them. */
export const identityEvents = [userRegistered, userChanged, userLoggedIn, passwordChanged, userDeleted] as const;
export const IDENTITY_STREAM = 'IDENTITY';

export const identityEvent = z.discriminatedUnion('type', [
  userRegistered.schema,
  userChanged.schema,
  userLoggedIn.schema,
  passwordChanged.schema,
  userDeleted.schema,
]);
export type IdentityEvent = z.infer<typeof identityEvent>;
