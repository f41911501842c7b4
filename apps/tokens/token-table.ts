import type { RecordedEvent } from '@tokenlog/event-store/event.js';
import type { Projection } from '@tokenlog/event-store/event-store.js';
import { batchesByType } from '@tokenlog/event-store/projection.js';
import type { TokenEvent } from './token.js';

type Handled = Exclude<TokenEvent['type'], 'token-expiring'> | 'token-used';

/** One statement a type: `$1` is the batch as JSON, a row an event: its data, and `id`, `at`, `by`. */
const STATEMENTS: Record<Handled, string> = {
  'token-created': `
    INSERT INTO tokens (id, user_id, description, scopes, status, expires_at, secret_generation,
      created_at, created_by, updated_at, updated_by)
    SELECT id, "userId", description, scopes, 'active', "expiresAt", "secretGeneration", at, by, at, by
    FROM jsonb_to_recordset($1) AS e(id uuid, "userId" uuid, description text, scopes text[], "expiresAt" timestamptz,
      "secretGeneration" int, at timestamptz, by text)`,
  'token-edited': `
    UPDATE tokens SET description = e.description, scopes = e.scopes, expires_at = e."expiresAt",
      updated_at = e.at, updated_by = e.by
    FROM jsonb_to_recordset($1) AS e(id uuid, description text, scopes text[], "expiresAt" timestamptz,
      at timestamptz, by text)
    WHERE tokens.id = e.id`,
  'token-refreshed': `
    UPDATE tokens SET secret_generation = e."secretGeneration", expires_at = e."expiresAt",
      grace_generation = CASE WHEN e."gracePeriodEndsAt" IS NOT NULL THEN tokens.secret_generation END,
      grace_ends_at = e."gracePeriodEndsAt", updated_at = e.at, updated_by = e.by
    FROM jsonb_to_recordset($1) AS e(id uuid, "secretGeneration" int, "expiresAt" timestamptz,
      "gracePeriodEndsAt" timestamptz, at timestamptz, by text)
    WHERE tokens.id = e.id`,
  'token-revoked': `
    UPDATE tokens SET status = 'revoked', updated_at = e.at, updated_by = e.by
    FROM jsonb_to_recordset($1) AS e(id uuid, at timestamptz, by text) WHERE tokens.id = e.id`,
  'token-reassigned': `
    UPDATE tokens SET status = 'active', user_id = e."userId", secret_generation = e."secretGeneration",
      grace_generation = NULL, grace_ends_at = NULL, updated_at = e.at, updated_by = e.by
    FROM jsonb_to_recordset($1) AS e(id uuid, "userId" uuid, "secretGeneration" int, at timestamptz, by text)
    WHERE tokens.id = e.id`,
  'token-invalidated': `
    UPDATE tokens SET status = 'invalid', updated_at = e.at, updated_by = e.by
    FROM jsonb_to_recordset($1) AS e(id uuid, at timestamptz, by text) WHERE tokens.id = e.id`,
  'token-deleted': `
    UPDATE tokens SET status = 'deleted', updated_at = e.at, updated_by = e.by
    FROM jsonb_to_recordset($1) AS e(id uuid, at timestamptz, by text) WHERE tokens.id = e.id`,
  'token-used': `
    INSERT INTO token_usage (token_id, use_count, last_used_at)
    SELECT id, count, "lastAt" FROM jsonb_to_recordset($1) AS e(id uuid, count bigint, "lastAt" timestamptz)
    ORDER BY id
    ON CONFLICT (token_id) DO UPDATE SET use_count = token_usage.use_count + excluded.use_count,
      last_used_at = greatest(token_usage.last_used_at, excluded.last_used_at)`,
};

/** The admin table (S36), one row a token, and the counts of its uses. */
export const tokenTable: Projection = {
  name: 'token-table',
  tables: ['tokens', 'token_usage'],
  async project(sql, events) {
    for (const batch of batchesByType(events, STATEMENTS)) {
      await sql.query(STATEMENTS[batch.type], [JSON.stringify(batch.events.map(rowOf))]);
    }
  },
};

/** The name of who did it, as the table shows it: `<system>` for what no user did (S37). */
export function nameOf({ metadata: { by } }: RecordedEvent): string {
  return by.kind === 'user' ? by.username : '<system>';
}

function rowOf(event: RecordedEvent) {
  return { ...event.data, id: event.entity, at: event.recordedAt.toISOString(), by: nameOf(event) };
}
