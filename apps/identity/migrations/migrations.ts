import type { MigrationStep } from '@tokenlog/platform/migration-steps.js';
import { usersAndLog } from './0001-users-and-log.js';
import { externalIdentities } from './0002-external-identities.js';
import { mailedEvents } from './0003-mailed-events.js';
import { places } from './0004-places.js';
import { loginAddresses } from './0005-login-addresses.js';
import { numbers } from './0006-numbers.js';
import { foldedUsernames } from './0007-folded-usernames.js';

/** In the order in which they run; a name, once released, stays. */
export const migrations: readonly MigrationStep[] = [
  usersAndLog,
  externalIdentities,
  mailedEvents,
  places,
  loginAddresses,
  numbers,
  foldedUsernames,
];
