import type { MigrationStep } from '@tokenlog/platform/migration-steps.js';
import { UsersAndLog } from './0001-users-and-log.js';
import { ExternalIdentities } from './0002-external-identities.js';
import { MailedEvents } from './0003-mailed-events.js';
import { Places } from './0004-places.js';
import { LoginAddresses } from './0005-login-addresses.js';
import { Numbers } from './0006-numbers.js';
import { FoldedUsernames } from './0007-folded-usernames.js';

/** In the order in which they run, once each. A released one is never edited, and keeps its name: what follows is another. */
export const migrations: readonly MigrationStep[] = [
  UsersAndLog,
  ExternalIdentities,
  MailedEvents,
  Places,
  LoginAddresses,
  Numbers,
  FoldedUsernames,
];
