import type { RecordedEvent } from '@tokenlog/event-store/event.js';
import type { Projection } from '@tokenlog/event-store/event-store.js';
import { batchesByType } from '@tokenlog/event-store/projection.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import type { ExpiryWarnings } from '../config/expiry-thresholds.js';
import type { TokenEvent } from '../token/token.js';

type Handled = Extract<TokenEvent['type'], 'token-created' | 'token-edited' | 'token-refreshed' | 'token-expiring'>;

/** Only an expiry that is another one than before starts anew. */
const EXPIRY_SET = `
  INSERT INTO expiries (token_id, expires_at, set_at)
  SELECT id, "expiresAt", at FROM jsonb_to_recordset($1) AS e(id uuid, "expiresAt" timestamptz, at timestamptz)
  ON CONFLICT (token_id) DO UPDATE SET expires_at = excluded.expires_at, set_at = excluded.set_at, warned_days = NULL
  WHERE expiries.expires_at IS DISTINCT FROM excluded.expires_at`;

const STATEMENTS: Record<Handled, string> = {
  'token-created': EXPIRY_SET,
  'token-edited': EXPIRY_SET,
  'token-refreshed': EXPIRY_SET,
  'token-expiring': `
    UPDATE expiries SET warned_days = e."thresholdDays"
    FROM jsonb_to_recordset($1) AS e(id uuid, "thresholdDays" int) WHERE expiries.token_id = e.id`,
};

/** Which threshold before its expiry each token was last warned of (S41). */
export const expiryTable: Projection = {
  name: 'expiry-table',
  tables: ['expiries'],
  async project(sql, events) {
    for (const batch of batchesByType(events, STATEMENTS)) {
      await sql.query(STATEMENTS[batch.type], [JSON.stringify(batch.events.map(rowOf))]);
    }
  },
};

/** What is known of a token's expiry, or null where it has none. */
export async function findExpiry(sql: Sql, tokenId: string): Promise<ExpiryWarnings | null> {
  const { rows } = await sql.query<{ expires_at: string; set_at: string; warned_days: number | null }>(
    'SELECT expires_at, set_at, warned_days FROM expiries WHERE token_id = $1 AND expires_at IS NOT NULL',
    [tokenId],
  );
  const row = rows[0];
  return row ? { expiresAt: new Date(row.expires_at), setAt: new Date(row.set_at), warnedDays: row.warned_days } : null;
}

function rowOf(event: RecordedEvent) {
  return { ...event.data, id: event.entity, at: event.recordedAt.toISOString() };
}
