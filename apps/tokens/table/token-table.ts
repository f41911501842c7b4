import type { RecordedEvent } from '@tokenlog/event-store/event.js';
import type { Projection } from '@tokenlog/event-store/event-store.js';
import { batchesByType } from '@tokenlog/event-store/projection.js';
import type { TokenEvent } from '../token/token.js';

type Handled = Exclude<TokenEvent['type'], 'token-expiring'>;

interface Uses {
  readonly count: number;
  /** RFC 3339 in UTC with milliseconds, so that texts compare as times do. */
  readonly lastAt: string;
}

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
    WITH e AS (
      SELECT * FROM jsonb_to_recordset($1) AS e(id uuid, "secretGeneration" int, "expiresAt" timestamptz,
        "gracePeriodEndsAt" timestamptz, "gracePeriodsKept" boolean, at timestamptz, by text)
    ),
    ended AS (
      UPDATE secret_graces SET ends_at = '-infinity' FROM e WHERE token_id = e.id AND e."gracePeriodsKept" IS NOT TRUE
    ),
    promised AS (
      INSERT INTO secret_graces (token_id, generation, ends_at)
      SELECT id, "secretGeneration" - 1, "gracePeriodEndsAt" FROM e WHERE "gracePeriodEndsAt" IS NOT NULL
    )
    UPDATE tokens SET secret_generation = e."secretGeneration", expires_at = e."expiresAt",
      updated_at = e.at, updated_by = e.by
    FROM e WHERE tokens.id = e.id`,
  'token-revoked': `
    UPDATE tokens SET status = 'revoked', updated_at = e.at, updated_by = e.by
    FROM jsonb_to_recordset($1) AS e(id uuid, at timestamptz, by text) WHERE tokens.id = e.id`,
  'token-reassigned': `
    WITH e AS (
      SELECT * FROM jsonb_to_recordset($1) AS e(id uuid, "userId" uuid, "secretGeneration" int, at timestamptz, by text)
    ),
    ended AS (UPDATE secret_graces SET ends_at = '-infinity' FROM e WHERE token_id = e.id)
    UPDATE tokens SET status = 'active', user_id = e."userId", secret_generation = e."secretGeneration",
      updated_at = e.at, updated_by = e.by
    FROM e WHERE tokens.id = e.id`,
  'token-invalidated': `
    UPDATE tokens SET status = 'invalid', updated_at = e.at, updated_by = e.by
    FROM jsonb_to_recordset($1) AS e(id uuid, at timestamptz, by text) WHERE tokens.id = e.id`,
  'token-deleted': `
    UPDATE tokens SET status = 'deleted', updated_at = e.at, updated_by = e.by
    FROM jsonb_to_recordset($1) AS e(id uuid, at timestamptz, by text) WHERE tokens.id = e.id`,
};

/** `$1` tokens, `$2` how often each was used, `$3` when last. */
const COUNT_USES = `
  INSERT INTO token_usage (token_id, use_count, last_used_at)
  SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::timestamptz[]) AS used(id, count, last_at) ORDER BY id
  ON CONFLICT (token_id) DO UPDATE SET use_count = token_usage.use_count + excluded.use_count,
    last_used_at = greatest(token_usage.last_used_at, excluded.last_used_at)`;

/** The admin table (S36), one row a token; how long replaced secrets go on working; and the counts of uses. */
export const tokenTable: Projection = {
  name: 'token-table',
  tables: ['tokens', 'secret_graces', 'token_usage'],
  async project(sql, events) {
    for (const batch of batchesByType(events, STATEMENTS)) {
      await sql.query(STATEMENTS[batch.type], [JSON.stringify(batch.events.map(rowOf))]);
    }
    const uses = usesOf(events);
    if (uses.size === 0) return;
    const counts = [...uses.values()];
    await sql.query(COUNT_USES, [
      [...uses.keys()],
      counts.map(({ count }) => count),
      counts.map(({ lastAt }) => lastAt),
    ]);
  },
};

/** What the uses among some events come to, by token: each row is written once, however often its token was used. */
function usesOf(events: readonly RecordedEvent[]): Map<string, Uses> {
  const uses = new Map<string, Uses>();
  for (const { type, entity, data } of events) {
    if (type !== 'token-used') continue;
    const { count, lastAt } = data as Uses;
    const before = uses.get(entity);
    const last = before && before.lastAt > lastAt ? before.lastAt : lastAt;
    uses.set(entity, { count: count + (before?.count ?? 0), lastAt: last });
  }
  return uses;
}

/** The name of who did it, as the table shows it: `<system>` for what no user did (S37). */
export function nameOf({ metadata: { by } }: RecordedEvent): string {
  return by.kind === 'user' ? by.username : '<system>';
}

function rowOf(event: RecordedEvent) {
  return { ...event.data, id: event.entity, at: event.recordedAt.toISOString(), by: nameOf(event) };
}
