import { instant } from '@tokenlog/contracts/message.js';
import { exampleOf, named } from '@tokenlog/contracts/named.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import { userReference } from '@tokenlog/platform/user-reference.js';
import { z } from 'zod';
import { iso } from '../token/token-view.js';
import { findUsers } from '../user/find-users.js';
import { decodeCursor, encodeCursor, pageOf, pageQuery } from './page.js';

/** An active session as people see it. */
export const sessionView = named(
  'Session',
  z.object({
    id: z.uuid(),
    userId: z.uuid(),
    user: z.string(),
    tokenId: z.uuid().nullable(),
    startedAt: instant,
    expiresAt: instant,
    ip: z.string().nullable(),
  }),
  {
    id: '01997c9e-4444-7444-8444-444444444444',
    userId: '01997c9e-1111-7111-8111-111111111111',
    user: 'ada',
    tokenId: null,
    startedAt: '2026-11-02T09:26:53.589Z',
    expiresAt: '2026-11-02T21:26:53.589Z',
    ip: '192.0.2.7',
  },
);

export const sessionListQuery = z.strictObject({
  ...pageQuery,
  user: userReference.optional(),
  token: z.uuid().optional(),
});
export const sessionPage = named('SessionPage', pageOf(sessionView), {
  items: [exampleOf(sessionView)],
  nextCursor: null,
  total: 1,
});

interface SessionRow {
  readonly id: string;
  readonly userId: string;
  readonly user: string;
  readonly tokenId: string | null;
  readonly startedAt: string | Date;
  readonly expiresAt: string | Date;
  readonly ip: string | null;
}

/** Sessions that are neither ended nor expired, and whose token is still good: newest first. */
export async function listSessions(
  sql: Sql,
  query: z.output<typeof sessionListQuery>,
  owner: string | 'anyone',
): Promise<z.output<typeof sessionPage>> {
  const before = query.cursor ? decodeCursor(z.uuid(), query.cursor) : null;
  const users = await findUsers(sql, 'user', query.user);
  const filter = `
    FROM sessions s JOIN users u ON u.id = s.user_id LEFT JOIN tokens t ON t.id = s.token_id
    WHERE s.ended_at IS NULL AND least(s.expires_at, t.expires_at) >= now() AND ($1::uuid IS NULL OR s.user_id = $1)
      AND ($2::uuid[] IS NULL OR u.id = ANY ($2)) AND ($3::uuid IS NULL OR s.token_id = $3)`;
  const values = [owner === 'anyone' ? null : owner, users, query.token ?? null];
  // Ids are UUIDv7: their order is that of the starts.
  const { rows } = await sql.query<SessionRow>(
    `SELECT s.id, s.user_id AS "userId", u.username AS user, s.token_id AS "tokenId", s.started_at AS "startedAt",
       s.expires_at AS "expiresAt", s.ip ${filter} AND ($4::uuid IS NULL OR s.id < $4) ORDER BY s.id DESC LIMIT $5`,
    [...values, before, query.limit + 1],
  );
  const { rows: counted } = await sql.query<{ total: number }>(`SELECT count(*)::int AS total ${filter}`, values);
  const shown = rows.slice(0, query.limit);
  const last = shown.at(-1);
  return {
    items: shown.map((row) => ({ ...row, startedAt: iso(row.startedAt), expiresAt: iso(row.expiresAt) })),
    nextCursor: last && rows.length > query.limit ? encodeCursor(last.id) : null,
    total: counted[0]?.total ?? 0,
  };
}
