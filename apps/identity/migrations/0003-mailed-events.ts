import type { MigrationStep } from '@tokenlog/platform/migration-steps.js';

/** The events that were mailed: one that comes again is not mailed again. */
export const mailedEvents: MigrationStep = {
  name: '0003-mailed-events',
  statements: [
    `CREATE TABLE identity.mailed_events (
      event_id uuid PRIMARY KEY,
      mailed_at timestamptz(3) NOT NULL DEFAULT now()
    )`,
    'GRANT SELECT, INSERT ON identity.mailed_events TO tokenlog_identity',
  ],
};
