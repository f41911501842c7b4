import { placesInLog } from '@tokenlog/event-store/log.sql.js';
import type { MigrationStep } from '@tokenlog/platform/migration-steps.js';

/** Places in the log are snapshots, and the log says which history it is. */
export const places: MigrationStep = {
  name: '0004-places',
  statements: placesInLog('identity', 'tokenlog_identity'),
};
