import { createLog } from '@tokenlog/event-store/log.sql.js';
import type { MigrationStep } from '@tokenlog/platform/migration-steps.js';

/** The users, the log of what happened to them, and the counts of wrong passwords. */
export const usersAndLog: MigrationStep = {
  name: '0001-users-and-log',
  statements: [
    ...createLog('identity', 'tokenlog_identity'),
    `CREATE TABLE identity.users (
      id uuid PRIMARY KEY,
      kind text NOT NULL CHECK (kind IN ('person', 'application')),
      username text NOT NULL,
      password_hash text,
      must_change_password boolean NOT NULL,
      roles text[] NOT NULL,
      organization text,
      display_name text,
      email text,
      phone text,
      disabled boolean NOT NULL,
      last_login_at timestamptz(3),
      created_at timestamptz(3) NOT NULL,
      version integer NOT NULL CHECK (version > 0),
      CHECK (kind = 'person' OR password_hash IS NULL)
    )`,
    'CREATE UNIQUE INDEX users_username ON identity.users (lower(username))',
    'GRANT SELECT, INSERT, UPDATE, DELETE ON identity.users TO tokenlog_identity',
    // The layout is that of rate-limiter-flexible.
    `CREATE TABLE identity.wrong_passwords (
      key varchar(255) PRIMARY KEY,
      points integer NOT NULL DEFAULT 0,
      expire bigint
    )`,
    'GRANT SELECT, INSERT, UPDATE, DELETE ON identity.wrong_passwords TO tokenlog_identity',
  ],
};
