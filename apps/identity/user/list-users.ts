import { MikroORM, raw } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { text } from '@tokenlog/contracts/message.js';
import { exampleOf, named } from '@tokenlog/contracts/named.js';
import { foldedParameter, foldedSql } from '@tokenlog/event-store/folded.sql.js';
import { pageLimit } from '@tokenlog/platform/page-limit.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { readUserReference, userReference, usersMeant } from '@tokenlog/platform/user-reference.js';
import { z } from 'zod';
import { User } from './user.entity.js';
import { username, userView, viewOf } from './user-view.js';
import { IS_NAMED } from './users.js';

export const usersQuery = z.strictObject({
  user: userReference.optional(),
  /** Part of the account name, the name or the e-mail address. */
  q: text.max(200).optional(),
  kind: z.enum(['person', 'application']).optional(),
  cursor: z.string().max(512).optional(),
  limit: pageLimit(200, 50),
});

export const userList = named(
  'UserPage',
  z.object({ items: z.array(userView), nextCursor: z.string().nullable(), total: z.int() }),
  { items: [exampleOf(userView)], nextCursor: null, total: 1 },
);

const NAME = foldedSql('username');
const CONTAINS = `EXISTS (SELECT FROM (SELECT ${foldedParameter('?')} AS q) AS sought
  WHERE ${['username', 'display_name', 'email'].map((column) => `strpos(${foldedSql(column)}, sought.q) > 0`).join(' OR ')})`;

/** Users in the order of their account names. The cursor is a name, so that it stays right while rows come and go. */
@Injectable()
export class ListUsers {
  constructor(private readonly orm: MikroORM) {}

  /** @throws Problem 400 `invalid-cursor` */
  async execute({ user, q, kind, cursor, limit }: z.output<typeof usersQuery>): Promise<z.output<typeof userList>> {
    const ids = user === undefined ? null : await this.referred(user);
    const query = () => {
      const users = this.orm.em
        .fork()
        .createQueryBuilder(User)
        .where(kind ? { kind } : {});
      if (ids) users.andWhere({ id: { $in: ids } });
      if (q) users.andWhere(CONTAINS, [q]);
      return users;
    };
    const page = query()
      .orderBy({ [raw(NAME)]: 'asc' })
      .limit(limit + 1);
    if (cursor !== undefined) page.andWhere(`${NAME} > ${foldedParameter('?')}`, [readCursor(cursor)]);

    const [total, rows] = await Promise.all([query().getCount(), page.getResultList()]);
    const items = rows.slice(0, limit).map(viewOf);
    const last = items.at(-1);
    return { items, nextCursor: last && rows.length > limit ? writeCursor(last.username) : null, total };
  }

  private async referred(text: string): Promise<string[]> {
    const { id, name } = readUserReference(text);
    const users = this.orm.em.fork().createQueryBuilder(User).select('id').where({ id });
    if (name !== null) users.orWhere(IS_NAMED, [name]);
    return usersMeant('user', { id, name }, await users.getResultList());
  }
}

function writeCursor(username: string): string {
  return Buffer.from(username.toLowerCase()).toString('base64url');
}

function readCursor(cursor: string): string {
  const name = Buffer.from(cursor, 'base64url').toString();
  if (writeCursor(name) === cursor && username.safeParse(name).success) return name;
  throw new Problem('invalid-cursor', 'cursor: is not one that a list has given', {
    errors: [{ field: 'cursor', detail: 'is not one that a list has given' }],
  });
}
