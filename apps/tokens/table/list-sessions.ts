import { type EntityManager, raw } from '@mikro-orm/postgresql';
import { instant } from '@tokenlog/contracts/message.js';
import { exampleOf, named } from '@tokenlog/contracts/named.js';
import { userReference } from '@tokenlog/platform/user-reference.js';
import { z } from 'zod';
import { findUsers } from '../user/find-users.js';
import { decodeCursor, encodeCursor, pageOf, pageQuery } from './page.js';
import { Session } from './session.entity.js';

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

/** Sessions that are neither ended nor expired, and whose token is still good: newest first. */
export async function listSessions(
  em: EntityManager,
  query: z.output<typeof sessionListQuery>,
  owner: string | 'anyone',
): Promise<z.output<typeof sessionPage>> {
  const after = query.cursor ? { id: decodeCursor(z.uuid(), query.cursor) } : undefined;
  const users = await findUsers(em, 'user', query.user);
  const now = raw('now()');
  const page = await em.findByCursor(Session, {
    where: {
      endedAt: null,
      expiresAt: { $gte: now },
      $or: [{ token: { expiresAt: null } }, { token: { expiresAt: { $gte: now } } }],
      ...(owner === 'anyone' ? {} : { user: owner }),
      ...(query.token ? { token: query.token } : {}),
      ...(users ? { $and: [{ user: { $in: users } }] } : {}),
    },
    populate: ['user'],
    fields: ['id', 'user.username', 'token', 'startedAt', 'expiresAt', 'ip'],
    strategy: 'joined',
    orderBy: { id: 'desc' },
    first: query.limit,
    after,
  });
  const last = page.items.at(-1);
  return {
    items: page.items.map(({ id, user, token, startedAt, expiresAt, ip }) => ({
      id,
      userId: user.id,
      user: user.username,
      tokenId: token?.id ?? null,
      startedAt: startedAt.toISOString(),
      expiresAt: expiresAt.toISOString(),
      ip,
    })),
    nextCursor: last && page.hasNextPage ? encodeCursor(last.id) : null,
    total: page.totalCount,
  };
}
