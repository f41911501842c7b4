import { foldedSql } from '@tokenlog/event-store/folded.sql.js';
import { createLog, numbersInLog, placesInLog } from '@tokenlog/event-store/log.sql.js';
import type { MigrationStep } from '@tokenlog/platform/migration-steps.js';
import { streamPlaces } from '@tokenlog/platform/stream-reader.js';
import { TOKENS_DATABASE } from '../config/database-part.js';

const { role } = TOKENS_DATABASE;

/** Applied once each, in order. Never edit one that has been released: add another. */
export const migrations: readonly MigrationStep[] = [
  { name: '2026-11-01-log', statements: createLog('tokens', role) },
  {
    name: '2026-11-02-users',
    statements: [
      `CREATE TABLE users (
        id uuid PRIMARY KEY,
        version integer NOT NULL,
        deleted boolean NOT NULL,
        username text NOT NULL,
        kind text NOT NULL,
        roles text[] NOT NULL,
        disabled boolean NOT NULL,
        has_password boolean NOT NULL,
        must_change_password boolean NOT NULL,
        has_logged_in boolean NOT NULL
      )`,
      `GRANT SELECT, INSERT, UPDATE ON users TO ${role}`,
    ],
  },
  {
    name: '2026-11-03-secrets',
    statements: [
      `CREATE TABLE secrets (
        owner uuid NOT NULL,
        generation integer NOT NULL,
        hash bytea NOT NULL,
        pepper text NOT NULL,
        PRIMARY KEY (owner, generation)
      )`,
      `GRANT SELECT, INSERT, UPDATE ON secrets TO ${role}`,
    ],
  },
  {
    name: '2026-11-04-token-table',
    statements: [
      `CREATE TABLE tokens (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL,
        description text NOT NULL,
        scopes text[] NOT NULL,
        status text NOT NULL,
        expires_at timestamptz(3),
        secret_generation integer NOT NULL,
        grace_generation integer,
        grace_ends_at timestamptz(3),
        created_at timestamptz(3) NOT NULL,
        created_by text NOT NULL,
        updated_at timestamptz(3) NOT NULL,
        updated_by text NOT NULL
      )`,
      'CREATE INDEX tokens_user ON tokens (user_id)',
      'CREATE INDEX tokens_created ON tokens (created_at, id)',
      // The counts change with every use; beside the table, not in it, so that a use never waits for a change of the token.
      `CREATE TABLE token_usage (
        token_id uuid PRIMARY KEY,
        use_count bigint NOT NULL,
        last_used_at timestamptz(3) NOT NULL
      ) WITH (fillfactor = 70)`,
      `CREATE TABLE token_refusals (
        token_id uuid NOT NULL,
        reason text NOT NULL,
        recorded_at timestamptz(3) NOT NULL,
        PRIMARY KEY (token_id, reason)
      )`,
      `GRANT SELECT, INSERT, UPDATE ON tokens, token_usage, token_refusals TO ${role}`,
    ],
  },
  {
    name: '2026-11-05-session-table',
    statements: [
      `CREATE TABLE sessions (
        id uuid PRIMARY KEY,
        user_id uuid NOT NULL,
        token_id uuid,
        started_at timestamptz(3) NOT NULL,
        expires_at timestamptz(3) NOT NULL,
        ended_at timestamptz(3),
        ip text
      )`,
      'CREATE INDEX sessions_user ON sessions (user_id) WHERE ended_at IS NULL',
      'CREATE INDEX sessions_token ON sessions (token_id) WHERE ended_at IS NULL',
      `GRANT SELECT, INSERT, UPDATE ON sessions TO ${role}`,
    ],
  },
  {
    name: '2026-11-06-static-keys',
    statements: [
      'CREATE TABLE static_keys (token_id uuid PRIMARY KEY)',
      `GRANT SELECT, INSERT ON static_keys TO ${role}`,
    ],
  },
  {
    name: '2026-11-07-expiries',
    statements: [
      `CREATE TABLE expiries (
        token_id uuid PRIMARY KEY,
        expires_at timestamptz(3),
        set_at timestamptz(3) NOT NULL,
        warned_days integer
      )`,
      'CREATE INDEX expiries_next ON expiries (expires_at)',
      `GRANT SELECT, INSERT, UPDATE ON expiries TO ${role}`,
      // What the projection would have made of the log so far: the event that set the expiry to what it is now.
      `INSERT INTO expiries (token_id, expires_at, set_at)
       SELECT DISTINCT ON (entity) entity, expires_at, recorded_at FROM (
         SELECT *, lag(expires_at) OVER (PARTITION BY stream ORDER BY version) AS before FROM (
           SELECT stream, version, type, entity, recorded_at, (data->>'expiresAt')::timestamptz AS expires_at
           FROM events WHERE type IN ('token-created', 'token-edited', 'token-refreshed')
         ) AS expiry_events
       ) AS changes
       WHERE type = 'token-created' OR expires_at IS DISTINCT FROM before
       ORDER BY entity, version DESC`,
    ],
  },
  {
    name: '2026-11-08-guard-leases',
    statements: [
      `CREATE TABLE guard_leases (
        guard uuid PRIMARY KEY,
        service text NOT NULL,
        version text NOT NULL,
        entries integer NOT NULL,
        hits bigint NOT NULL,
        misses bigint NOT NULL,
        expires_at timestamptz NOT NULL,
        fenced boolean NOT NULL DEFAULT false
      )`,
      `GRANT SELECT, INSERT, UPDATE, DELETE ON guard_leases TO ${role}`,
    ],
  },
  {
    name: '2026-11-09-sessions-of-secrets',
    // Null: of a password, or from before this column; then any secret of the token will do.
    statements: ['ALTER TABLE sessions ADD COLUMN secret_generation integer'],
  },
  {
    name: '2026-11-10-places',
    statements: [
      ...placesInLog('tokens', role),
      ...streamPlaces('tokens', role),
      // Which history of identity's log is known here; 0: identity has not been asked yet.
      'CREATE TABLE identity_epoch (epoch bigint NOT NULL)',
      'INSERT INTO identity_epoch VALUES (0)',
      `GRANT SELECT, UPDATE ON identity_epoch TO ${role}`,
      // Facts may be known before the event that has them is read; what follows from an event is done once all the same.
      `ALTER TABLE users ADD COLUMN epoch bigint NOT NULL DEFAULT 0,
        ADD COLUMN applied_epoch bigint NOT NULL DEFAULT 0,
        ADD COLUMN applied_version integer NOT NULL DEFAULT 0,
        ADD COLUMN applied_event uuid`,
      'UPDATE users SET applied_version = version',
      // Of sessions that a password started: which version of the user it was. Null: from before this column.
      'ALTER TABLE sessions ADD COLUMN user_epoch bigint, ADD COLUMN user_version integer',
    ],
  },
  {
    name: '2026-11-25-secret-graces',
    statements: [
      `CREATE TABLE secret_graces (
        token_id uuid NOT NULL,
        generation integer NOT NULL,
        ends_at timestamptz(3) NOT NULL,
        PRIMARY KEY (token_id, generation)
      )`,
      `GRANT SELECT, INSERT, UPDATE ON secret_graces TO ${role}`,
      // What the projection makes of the log so far, in which each new secret ended the grace of all but the one before it.
      `INSERT INTO secret_graces (token_id, generation, ends_at)
       SELECT entity, generation - 1, CASE WHEN is_last THEN ends_at ELSE '-infinity' END FROM (
         SELECT entity, (data->>'secretGeneration')::int AS generation, (data->>'gracePeriodEndsAt')::timestamptz AS ends_at,
           version = max(version) OVER (PARTITION BY stream) AS is_last
         FROM events WHERE stream IN (SELECT 'token-' || id FROM tokens WHERE secret_generation > 1)
           AND type IN ('token-refreshed', 'token-reassigned')
       ) AS replacements
       WHERE ends_at IS NOT NULL`,
      // They stay for a service of an earlier version that is still running, and nothing else reads or writes them.
      'UPDATE tokens SET grace_generation = NULL, grace_ends_at = NULL WHERE grace_generation IS NOT NULL',
    ],
  },
  { name: '2026-11-26-numbers', statements: numbersInLog('tokens', role) },
  {
    name: '2026-11-26-guard-names',
    statements: [
      // Null: of a guard that shares its NATS user.
      'ALTER TABLE guard_leases ADD COLUMN name text',
      // It has shown that it acknowledges; asked for where another one of its name did not.
      'ALTER TABLE guard_leases ADD COLUMN proven boolean NOT NULL DEFAULT false',
      // Of a name, or of all guards that have none ('').
      `CREATE TABLE guard_standing (
        name text PRIMARY KEY,
        faults integer NOT NULL,
        barred_until timestamptz NOT NULL
      )`,
      // Which tokens a guard with a name was told are good: it reports uses of no others.
      `CREATE TABLE guard_answers (
        name text NOT NULL,
        token_id uuid NOT NULL,
        first_at timestamptz NOT NULL,
        last_at timestamptz NOT NULL,
        PRIMARY KEY (name, token_id)
      )`,
      `GRANT SELECT, INSERT, UPDATE, DELETE ON guard_standing, guard_answers TO ${role}`,
    ],
  },
  {
    name: '2026-11-26-pepper-holders',
    statements: [
      // The token services that run, and the names of the keys of the stored hashes that each of them has.
      `CREATE TABLE pepper_holders (
        instance uuid PRIMARY KEY,
        peppers text[] NOT NULL,
        renewed_at timestamptz NOT NULL
      )`,
      `GRANT SELECT, INSERT, UPDATE, DELETE ON pepper_holders TO ${role}`,
    ],
  },
  {
    name: '2026-11-26-static-key-fingerprints',
    statements: [
      // Null: imported before this column, and not met since under a pepper that was known.
      'ALTER TABLE static_keys ADD COLUMN fingerprint bytea',
      'CREATE UNIQUE INDEX static_keys_fingerprint ON static_keys (fingerprint)',
      `GRANT UPDATE (fingerprint) ON static_keys TO ${role}`,
      // 122 random bits, made once.
      'CREATE TABLE static_key_salt (salt bytea NOT NULL)',
      'INSERT INTO static_key_salt VALUES (uuid_send(gen_random_uuid()))',
      `GRANT SELECT ON static_key_salt TO ${role}`,
    ],
  },
  {
    name: '2026-11-27-folded-usernames',
    statements: [`CREATE INDEX users_folded_username ON users (${foldedSql('username')})`],
  },
  {
    name: '2026-11-30-kept-answers',
    statements: [
      // What was answered to requests with an `Idempotency-Key`, under names and keys that are made of that and not kept.
      `CREATE TABLE kept_answers (
        id bytea PRIMARY KEY,
        fingerprint bytea NOT NULL,
        pepper text NOT NULL,
        holder uuid,
        answer bytea,
        ends_at timestamptz NOT NULL
      )`,
      'CREATE INDEX kept_answers_end ON kept_answers (ends_at)',
      `GRANT SELECT, INSERT, UPDATE, DELETE ON kept_answers TO ${role}`,
    ],
  },
];
