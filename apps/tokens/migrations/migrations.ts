import type { MigrationStep } from '@tokenlog/platform/migration-steps.js';
import { Log } from './2026-11-01-log.js';
import { Users } from './2026-11-02-users.js';
import { Secrets } from './2026-11-03-secrets.js';
import { TokenTable } from './2026-11-04-token-table.js';
import { SessionTable } from './2026-11-05-session-table.js';
import { StaticKeys } from './2026-11-06-static-keys.js';
import { Expiries } from './2026-11-07-expiries.js';
import { GuardLeases } from './2026-11-08-guard-leases.js';
import { SessionsOfSecrets } from './2026-11-09-sessions-of-secrets.js';
import { Places } from './2026-11-10-places.js';
import { SecretGraces } from './2026-11-25-secret-graces.js';
import { GuardNames } from './2026-11-26-guard-names.js';
import { Numbers } from './2026-11-26-numbers.js';
import { PepperHolders } from './2026-11-26-pepper-holders.js';
import { StaticKeyFingerprints } from './2026-11-26-static-key-fingerprints.js';
import { FoldedUsernames } from './2026-11-27-folded-usernames.js';
import { KeptAnswers } from './2026-11-30-kept-answers.js';

/** In the order in which they run, once each. A released one is never edited, and keeps its name: what follows is another. */
export const migrations: readonly MigrationStep[] = [
  Log,
  Users,
  Secrets,
  TokenTable,
  SessionTable,
  StaticKeys,
  Expiries,
  GuardLeases,
  SessionsOfSecrets,
  Places,
  SecretGraces,
  Numbers,
  GuardNames,
  PepperHolders,
  StaticKeyFingerprints,
  FoldedUsernames,
  KeptAnswers,
];
