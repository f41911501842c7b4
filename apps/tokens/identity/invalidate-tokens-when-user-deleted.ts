import type { Metadata } from '@tokenlog/event-store/event.js';
import type { Work } from '@tokenlog/event-store/event-store.js';
import { endSessionsOfUsers } from '../session/end-session.js';
import { Token, type TokenEvent, type TokenState } from '../token/token.js';
import { tokensOf } from '../token/tokens-of-users.js';

/** Decides an invalidation: only what still counts as good can become invalid. */
export function invalidateToken(state: TokenState): TokenEvent[] {
  return state.status === 'active' ? [{ type: 'token-invalidated', data: { cause: 'user-deleted' } }] : [];
}

/** Deleted users' tokens become invalid, still listed, and the sessions end (S30). To be called when that is news. */
export async function invalidateTokensWhenUserDeleted(
  work: Work,
  deleted: readonly { readonly userId: string; readonly metadata: Metadata }[],
): Promise<void> {
  for (const [id, token, { metadata }] of await tokensOf(work, deleted)) {
    work.append(Token, id, invalidateToken(token), metadata);
  }
  await endSessionsOfUsers(
    work,
    deleted.map(({ userId, metadata }) => ({ userId, reason: 'user-deleted', metadata })),
  );
}
