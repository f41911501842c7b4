import { numbersInLog } from '@tokenlog/event-store/log.sql.js';
import type { MigrationStep } from '@tokenlog/platform/migration-steps.js';

/** A log that was restored into another cluster goes on behind what it has. */
export const numbers: MigrationStep = {
  name: '0006-numbers',
  statements: numbersInLog('identity', 'tokenlog_identity'),
};
