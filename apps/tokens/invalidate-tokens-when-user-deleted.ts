import type { Metadata } from '@tokenlog/event-store/event.js';
import type { Work } from '@tokenlog/event-store/event-store.js';
import { endSessionsOfUser } from './end-session.js';
import { Token, type TokenEvent, type TokenState } from './token.js';
import { learnUser, type UserVersion } from './users.js';

/** Decides an invalidation: only what still counts as good can become invalid. */
export function invalidateToken(state: TokenState): TokenEvent[] {
  return state.status === 'active' ? [{ type: 'token-invalidated', data: { cause: 'user-deleted' } }] : [];
}

/** A deleted user's tokens become invalid, still listed, and the sessions end (S30). @returns whether it was news */
export async function invalidateTokensWhenUserDeleted(
  work: Work,
  { userId, username, epoch, version }: UserVersion & { readonly userId: string; readonly username: string },
  metadata: Metadata,
): Promise<boolean> {
  if (!(await learnUser(work, { userId, epoch, version, deletedUsername: username }, metadata))) return false;
  const { rows } = await work.sql.query<{ id: string }>('SELECT id FROM tokens WHERE user_id = $1', [userId]);
  const tokens = await work.loadAll(
    Token,
    rows.map(({ id }) => id),
  );
  for (const [id, token] of tokens) work.append(Token, id, invalidateToken(token), metadata);
  await endSessionsOfUser(work, userId, { reason: 'user-deleted', metadata });
  return true;
}
