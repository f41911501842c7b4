import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { instant, text } from '@tokenlog/contracts/message.js';
import { named } from '@tokenlog/contracts/named.js';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { foldedParameter, foldedSql } from '@tokenlog/event-store/folded.sql.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import { patiently } from '@tokenlog/platform/bounded-client.js';
import { DatabaseClock } from '@tokenlog/platform/clock.js';
import { invalidRequest } from '@tokenlog/platform/problem.js';
import { userReference } from '@tokenlog/platform/user-reference.js';
import { z } from 'zod';
import { shownToken, TOKEN_ROWS, type TokenRow, tokenState, tokenView, viewOf } from '../token/token-view.js';
import { findUsers } from '../user/find-users.js';
import { decodeCursor, encodeCursor, pageOf, pageQuery } from './page.js';
import { withTableAsOf } from './table-as-of.js';

/** Names and other texts are sorted by so many of their characters: a cursor holds these, and no more. */
const SORTED_CHARACTERS = 128;

/** What each sort key compares. A missing instant sorts as the far end that its meaning has: no expiry is last. */
const SORT_KEYS = {
  user: textKey('r.user'),
  description: textKey('r.description'),
  state: textKey('r.state'),
  expiresAt: { expression: `coalesce(r.expires_at, 'infinity')`, type: 'timestamptz' },
  createdAt: { expression: 'r.created_at', type: 'timestamptz' },
  createdBy: textKey('r.created_by'),
  updatedAt: { expression: 'r.updated_at', type: 'timestamptz' },
  updatedBy: textKey('r.updated_by'),
  lastUsedAt: { expression: `coalesce(r.last_used_at, '-infinity')`, type: 'timestamptz' },
  useCount: { expression: 'r.use_count', type: 'bigint' },
  activeSessions: { expression: 'r.active_sessions', type: 'bigint' },
} as const;
type SortKey = keyof typeof SORT_KEYS;
/** What a cursor may hold of a sort key: whatever else stands there, PostgreSQL would stumble over. */
const SORT_VALUES = {
  text,
  timestamptz: z.union([z.enum(['infinity', '-infinity']), instant]),
  bigint: z.string().regex(/^\d{1,18}$/),
} as const;
const sortWords = Object.keys(SORT_KEYS).flatMap((key) => [key, `-${key}`]);

function textKey(column: string) {
  return { expression: firstOf(foldedSql(column)), type: 'text' } as const;
}

function firstOf(folded: string): string {
  return `left(${folded}, ${SORTED_CHARACTERS})`;
}

/** `$6`, the sort key in a cursor. Those of versions before this hold texts whole, and as they were written. */
function parameterOf(type: keyof typeof SORT_VALUES): string {
  return type === 'text' ? firstOf(foldedParameter('$6')) : `$6::${type}`;
}

/** The query of the admin table. */
export const tokenListQuery = z.strictObject({
  ...pageQuery,
  user: userReference.optional(),
  state: tokenState.optional(),
  q: text.max(200).optional().describe('a part of the description, the user or the id'),
  sort: z
    .enum(sortWords as [string, ...string[]])
    .default('-createdAt')
    .describe('a column; - before it: descending'),
  asOf: instant.optional().describe('the table as it was then'),
});
export type TokenListQuery = z.infer<typeof tokenListQuery>;

export const tokenPage = named('TokenPage', pageOf(tokenView), { items: [shownToken], nextCursor: null, total: 1 });
export type TokenPage = z.infer<typeof tokenPage>;

/** The table, or one owner's part of it. */
export class ListTokens extends Query<TokenPage> {
  constructor(
    readonly query: TokenListQuery,
    readonly owner: string | 'anyone',
  ) {
    super();
  }
}

@QueryHandler(ListTokens)
export class ListTokensHandler implements IQueryHandler<ListTokens> {
  constructor(
    private readonly store: EventStore,
    private readonly clock: DatabaseClock,
  ) {}

  execute({ query, owner }: ListTokens): Promise<TokenPage> {
    const now = query.asOf ? new Date(query.asOf) : this.clock.now();
    if (now.getTime() > this.clock.nowMs() + 1000) {
      throw invalidRequest([{ field: 'asOf', detail: 'must not lie in the future' }]);
    }
    // A search goes through every token, and the table of another day through the log.
    return patiently(() => {
      if (!query.asOf) return listTokens(this.store.pool, query, owner, now);
      return withTableAsOf(this.store, now, (sql) => listTokens(sql, query, owner, now));
    });
  }
}

/** Pages by key, not by count: a row that comes or goes between two pages shifts no other out of sight. */
async function listTokens(sql: Sql, query: TokenListQuery, owner: string | 'anyone', now: Date): Promise<TokenPage> {
  const descending = query.sort.startsWith('-');
  const { expression, type } = SORT_KEYS[query.sort.replace('-', '') as SortKey];
  const place = z.tuple([z.literal(query.sort), SORT_VALUES[type], z.uuid()]);
  const after = query.cursor ? decodeCursor<z.infer<typeof place>>(place, query.cursor) : null;
  const users = await findUsers(sql, 'user', query.user);
  const filter = `
    FROM (${TOKEN_ROWS}) AS r, (SELECT ${foldedParameter('$5')} AS q) AS sought
    WHERE ($2::uuid IS NULL OR r.user_id = $2)
      AND ($3::text IS NULL OR r.state = $3) AND ($3 IS NOT NULL OR r.state <> 'deleted')
      AND ($4::uuid[] IS NULL OR r.user_id = ANY ($4))
      AND ($5::text IS NULL OR strpos(${foldedSql('r.description')}, sought.q) > 0
        OR strpos(${foldedSql('r.user')}, sought.q) > 0 OR strpos(r.id::text COLLATE "C", sought.q) > 0)`;
  const values = [now, owner === 'anyone' ? null : owner, query.state ?? null, users, query.q ?? null];
  const direction = descending ? 'DESC' : 'ASC';
  const page = await sql.query<TokenRow & { sort_value: string }>(
    `SELECT r.*, to_jsonb(${expression}) #>> '{}' AS sort_value ${filter}
       AND ($6::text IS NULL OR (${expression}, r.id) ${descending ? '<' : '>'} (${parameterOf(type)}, $7::uuid))
     ORDER BY ${expression} ${direction}, r.id ${direction} LIMIT $8`,
    [...values, after?.[1] ?? null, after?.[2] ?? null, query.limit + 1],
  );
  const count = await sql.query<{ total: number }>(`SELECT count(*)::int AS total ${filter}`, values);
  const rows = page.rows.slice(0, query.limit);
  const last = rows.at(-1);
  return {
    items: rows.map((row) => viewOf(row, now)),
    nextCursor: last && page.rows.length > query.limit ? encodeCursor([query.sort, last.sort_value, last.id]) : null,
    total: count.rows[0]?.total ?? 0,
  };
}
