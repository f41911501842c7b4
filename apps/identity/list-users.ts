import { MikroORM, type QBFilterQuery, raw } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { text } from '@tokenlog/contracts/message.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { z } from 'zod';
import { User } from './user.entity.js';
import { username, userView, viewOf } from './user-view.js';

export const usersQuery = z.object({
  /** Part of the account name, the name or the e-mail address. */
  q: text.max(200).optional(),
  kind: z.enum(['person', 'application']).optional(),
  cursor: z.string().max(512).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

export const userList = z.object({ items: z.array(userView), nextCursor: z.string().nullable(), total: z.int() });

/** Users in the order of their account names. The cursor is a name, so that it stays right while rows come and go. */
@Injectable()
export class ListUsers {
  constructor(private readonly orm: MikroORM) {}

  /** @throws Problem 400 `invalid-cursor` */
  async execute({ q, kind, cursor, limit }: z.output<typeof usersQuery>): Promise<z.output<typeof userList>> {
    const filters: QBFilterQuery<User>[] = [];
    if (kind) filters.push({ kind });
    if (q) {
      const like = { $ilike: `%${q.replaceAll(/[\\%_]/g, '\\$&')}%` };
      filters.push({ $or: [{ username: like }, { displayName: like }, { email: like }] });
    }
    const query = () => this.orm.em.fork().createQueryBuilder(User).where({ $and: filters });
    const page = query()
      .orderBy({ [raw('lower(username)')]: 'asc' })
      .limit(limit + 1);
    if (cursor !== undefined) page.andWhere('lower(username) > ?', [readCursor(cursor)]);

    const [total, rows] = await Promise.all([query().getCount(), page.getResultList()]);
    const items = rows.slice(0, limit).map(viewOf);
    const last = items.at(-1);
    return { items, nextCursor: last && rows.length > limit ? writeCursor(last.username) : null, total };
  }
}

function writeCursor(username: string): string {
  return Buffer.from(username.toLowerCase()).toString('base64url');
}

function readCursor(cursor: string): string {
  const name = Buffer.from(cursor, 'base64url').toString();
  if (writeCursor(name) === cursor && username.safeParse(name).success) return name;
  throw new Problem(400, 'invalid-cursor', 'cursor: it is not one that a list has given.');
}
