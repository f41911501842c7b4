import { type EntityManager, MikroORM, raw } from '@mikro-orm/postgresql';
import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { instant, text } from '@tokenlog/contracts/message.js';
import { named } from '@tokenlog/contracts/named.js';
import { foldedParameter, foldedSql } from '@tokenlog/event-store/folded.sql.js';
import { patiently } from '@tokenlog/platform/bounded-client.js';
import { DatabaseClock } from '@tokenlog/platform/clock.js';
import { invalidRequest } from '@tokenlog/platform/problem.js';
import { userReference } from '@tokenlog/platform/user-reference.js';
import { z } from 'zod';
import { shownToken, shownTokens, type TokenRow, tokenState, tokenView, viewOf } from '../token/token-view.js';
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

/** The sort key in a cursor. Those of versions before this hold texts whole, and as they were written. */
function parameterOf(type: keyof typeof SORT_VALUES): string {
  return type === 'text' ? firstOf(foldedParameter('?')) : `?::${type}`;
}

const CONTAINS = `EXISTS (SELECT FROM (SELECT ${foldedParameter('?')} AS q) AS sought
  WHERE strpos(${foldedSql('r.description')}, sought.q) > 0 OR strpos(${foldedSql('r.user')}, sought.q) > 0
    OR strpos(r.id::text COLLATE "C", sought.q) > 0)`;

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
    private readonly orm: MikroORM,
    private readonly clock: DatabaseClock,
  ) {}

  execute({ query, owner }: ListTokens): Promise<TokenPage> {
    const now = query.asOf ? new Date(query.asOf) : this.clock.now();
    if (now.getTime() > this.clock.nowMs() + 1000) {
      throw invalidRequest([{ field: 'asOf', detail: 'must not lie in the future' }]);
    }
    // A search goes through every token, and the table of another day through the log.
    return patiently(() => {
      const em = this.orm.em.fork();
      const list = () => listTokens(em, query, owner, now);
      return query.asOf ? withTableAsOf(em, now, list) : list();
    });
  }
}

/** Pages by key, not by count: a row that comes or goes between two pages shifts no other out of sight. */
async function listTokens(
  em: EntityManager,
  query: TokenListQuery,
  owner: string | 'anyone',
  now: Date,
): Promise<TokenPage> {
  const direction = query.sort.startsWith('-') ? 'DESC' : 'ASC';
  const { expression, type } = SORT_KEYS[query.sort.replace('-', '') as SortKey];
  const place = z.tuple([z.literal(query.sort), SORT_VALUES[type], z.uuid()]);
  const after = query.cursor ? decodeCursor<z.infer<typeof place>>(place, query.cursor) : null;
  const users = await findUsers(em, 'user', query.user);
  const rows = () => {
    const found = shownTokens(em, now).where({ state: query.state ?? { $ne: 'deleted' } });
    if (owner !== 'anyone') found.andWhere({ userId: owner });
    if (users) found.andWhere({ userId: { $in: users } });
    if (query.q) found.andWhere(CONTAINS, [query.q]);
    return found;
  };
  const page = rows()
    .select(['*', raw(`to_jsonb(${expression}) #>> '{}' AS sort_value`)])
    .orderBy([{ [raw(expression)]: direction }, { id: direction }])
    .limit(query.limit + 1);
  if (after) {
    const [, value, id] = after;
    page.andWhere(`(${expression}, r.id) ${direction === 'DESC' ? '<' : '>'} (${parameterOf(type)}, ?::uuid)`, [
      value,
      id,
    ]);
  }
  const found = await page.execute<(TokenRow & { sort_value: string })[]>('all', false);
  const shown = found.slice(0, query.limit);
  const last = shown.at(-1);
  return {
    items: shown.map((row) => viewOf(row, now)),
    nextCursor: last && found.length > query.limit ? encodeCursor([query.sort, last.sort_value, last.id]) : null,
    total: await rows().getCount(),
  };
}
