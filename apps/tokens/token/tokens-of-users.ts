import type { Work } from '@tokenlog/event-store/event-store.js';
import { Token, type TokenState } from './token.js';

/** The tokens of users that work, each with that for which its user was asked about. One statement to find, one to read. */
export async function tokensOf<Asked extends { readonly userId: string }>(
  work: Work,
  users: readonly Asked[],
): Promise<[id: string, TokenState, Asked][]> {
  if (users.length === 0) return [];
  const byUser = new Map(users.map((user) => [user.userId, user]));
  const { rows } = await work.sql.query<{ id: string; userId: string }>(
    `SELECT id, user_id AS "userId" FROM tokens WHERE user_id = ANY($1) AND status = 'active'`,
    [[...byUser.keys()]],
  );
  if (rows.length === 0) return [];
  const userOf = new Map(rows.map(({ id, userId }) => [id, byUser.get(userId) as Asked]));
  const tokens = await work.loadAll(Token, [...userOf.keys()]);
  return [...tokens].map(([id, token]) => [id, token, userOf.get(id) as Asked]);
}
