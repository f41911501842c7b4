import { defineEntity, type EntityManager, p, raw } from '@mikro-orm/postgresql';
import { instant } from '@tokenlog/contracts/message.js';
import { exampleOf, named } from '@tokenlog/contracts/named.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import { answerHeaders, withHeaders } from '@tokenlog/platform/answer-headers.js';
import { z } from 'zod';
import { isOwnedBy, type Owner } from '../user/owner.js';
import { tokenNotFound } from './token.js';
import { tokenTag } from './token-tag.js';

export const tokenState = z.enum(['active', 'expired', 'revoked', 'invalid', 'deleted']);

/** A token as people and programs see it: the columns of S36, state and scopes. */
export const tokenView = named(
  'Token',
  z.object({
    id: z.uuid(),
    userId: z.uuid(),
    user: z.string(),
    description: z.string(),
    scopes: z.array(z.string()),
    state: tokenState,
    expiresAt: instant.nullable(),
    secondsTilExpiry: z.int().nullable(),
    createdAt: instant,
    createdBy: z.string(),
    updatedAt: instant,
    updatedBy: z.string(),
    lastUsedAt: instant.nullable(),
    useCount: z.int(),
    activeSessions: z.int(),
  }),
  {
    id: '01997c9e-2222-7222-8222-222222222222',
    userId: '01997c9e-1111-7111-8111-111111111111',
    user: 'ada',
    description: 'nightly export',
    scopes: ['rest'],
    state: 'active',
    expiresAt: '2027-01-31T09:26:53.589Z',
    secondsTilExpiry: 7_776_000,
    createdAt: '2026-11-02T09:26:53.589Z',
    createdBy: 'ada',
    updatedAt: '2026-11-02T09:26:53.589Z',
    updatedBy: 'ada',
    lastUsedAt: null,
    useCount: 0,
    activeSessions: 0,
  },
);
export type TokenView = z.infer<typeof tokenView>;
/** The document's example of a token. */
export const shownToken: TokenView = exampleOf(tokenView);

/**
 * The table's rows; a token whose time has run out is still there, and says so (S24).
 * @param time an expression: what to judge by
 */
function rowsAt(time: string): string {
  return `
SELECT t.id, t.user_id, coalesce(u.username, '') AS user, t.description, t.scopes,
  CASE WHEN t.status = 'active' AND t.expires_at < ${time} THEN 'expired' ELSE t.status END AS state,
  t.expires_at, t.created_at, t.created_by, t.updated_at, t.updated_by,
  usage.last_used_at, coalesce(usage.use_count, 0) AS use_count,
  (SELECT count(*) FROM sessions s
    WHERE s.token_id = t.id AND s.ended_at IS NULL AND least(s.expires_at, t.expires_at) >= ${time}
  ) AS active_sessions
FROM tokens t
LEFT JOIN token_usage usage ON usage.token_id = t.id
LEFT JOIN users u ON u.id = t.user_id`;
}

/** The rows of now, or of `$1` where it is not null. */
export const TOKEN_ROWS = rowsAt('coalesce($1::timestamptz, statement_timestamp())');

/** The rows for a query builder: `shownTokens`. */
export const ShownToken = defineEntity({
  name: 'ShownToken',
  expression: rowsAt('(SELECT at FROM judged)'),
  properties: {
    id: p.uuid(),
    userId: p.uuid(),
    user: p.text(),
    description: p.text(),
    scopes: p.array(),
    state: p.text().$type<z.infer<typeof tokenState>>(),
    expiresAt: p.datetime(3).strictNullable(),
    createdAt: p.datetime(3),
    createdBy: p.text(),
    updatedAt: p.datetime(3),
    updatedBy: p.text(),
    lastUsedAt: p.datetime(3).strictNullable(),
    useCount: p.bigint('string'),
    activeSessions: p.bigint('string'),
  },
});

/** A query of the rows as they are at an instant; its alias is `r`. */
export function shownTokens(em: EntityManager, at: Date) {
  return em.createQueryBuilder(ShownToken, 'r').with('judged', raw('SELECT ?::timestamptz AS at', [at]));
}

/** A row of `TOKEN_ROWS`. */
export interface TokenRow {
  readonly id: string;
  readonly user_id: string;
  readonly user: string;
  readonly description: string;
  readonly scopes: string[];
  readonly state: TokenView['state'];
  readonly expires_at: string | Date | null;
  readonly created_at: string | Date;
  readonly created_by: string;
  readonly updated_at: string | Date;
  readonly updated_by: string;
  readonly last_used_at: string | Date | null;
  readonly use_count: string;
  readonly active_sessions: string;
}

/** A row as the API shows it, at `now`. */
export function viewOf(row: TokenRow, now: Date): TokenView {
  const expiresAt = iso(row.expires_at);
  return {
    id: row.id,
    userId: row.user_id,
    user: row.user,
    description: row.description,
    scopes: row.scopes,
    state: row.state,
    expiresAt,
    secondsTilExpiry:
      expiresAt === null ? null : Math.max(0, Math.floor((Date.parse(expiresAt) - now.getTime()) / 1000)),
    createdAt: iso(row.created_at),
    createdBy: row.created_by,
    updatedAt: iso(row.updated_at),
    updatedBy: row.updated_by,
    lastUsedAt: iso(row.last_used_at),
    useCount: Number(row.use_count),
    activeSessions: Number(row.active_sessions),
  };
}

/** The last event of a token's stream, for the statement that reads its row: both are then of one moment. */
const HEAD = `
  SELECT version, id AS event_id FROM events
  WHERE period = '-infinity' AND stream = 'token-' || r.id ORDER BY version DESC LIMIT 1`;

/**
 * One token, deleted or not; it is answered with its `ETag`.
 * @param owner whose it must be, or anyone's
 * @throws Problem 404 `token-not-found`
 */
export async function findToken(sql: Sql, id: string, owner: Owner): Promise<TokenView> {
  const { rows } = await sql.query<TokenRow & { now: string | Date; version: number; event_id: string }>(
    `SELECT r.*, head.*, statement_timestamp() AS now FROM (${TOKEN_ROWS}) AS r, LATERAL (${HEAD}) AS head WHERE r.id = $2`,
    [null, id],
  );
  const row = rows[0];
  const isHidden =
    !row || !isOwnedBy({ userId: row.user_id }, owner) || (owner !== 'anyone' && row.state === 'deleted');
  if (isHidden) throw tokenNotFound();
  const tag = tokenTag({ version: row.version, eventId: row.event_id });
  return withHeaders(viewOf(row, new Date(row.now)), { ETag: tag });
}

/** The `ETag` that a view of `findToken` is answered with. */
export function tagOf(view: TokenView): string {
  return answerHeaders(view).ETag ?? '';
}

/** An instant of the database as RFC 3339. */
export function iso(value: string | Date): string;
export function iso(value: string | Date | null): string | null;
export function iso(value: string | Date | null): string | null {
  return value === null ? null : new Date(value).toISOString();
}
