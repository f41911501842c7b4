import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { UserDeleted } from '@tokenlog/contracts/identity/user-deleted.js';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { causedBy } from './caller.js';
import { endSessionsOfUser } from './end-session.js';
import { Token, type TokenEvent, type TokenState } from './token.js';
import { learnUser } from './users.js';

/** A deleted user's tokens become invalid, still listed, and the sessions end (S30). */
export class InvalidateTokensWhenUserDeleted extends Command<void> {
  constructor(readonly event: UserDeleted) {
    super();
  }
}

/** Decides an invalidation: only what still counts as good can become invalid. */
export function invalidateToken(state: TokenState): TokenEvent[] {
  return state.status === 'active' ? [{ type: 'token-invalidated', data: { cause: 'user-deleted' } }] : [];
}

@CommandHandler(InvalidateTokensWhenUserDeleted)
export class InvalidateTokensWhenUserDeletedHandler implements ICommandHandler<InvalidateTokensWhenUserDeleted> {
  constructor(private readonly store: EventStore) {}

  async execute({ event }: InvalidateTokensWhenUserDeleted): Promise<void> {
    const { userId, version, username } = event;
    const metadata = causedBy(event);
    await this.store.transact(async (work) => {
      if (!(await learnUser(work.sql, { userId, version, deletedUsername: username }))) return;
      const { rows } = await work.sql.query<{ id: string }>('SELECT id FROM tokens WHERE user_id = $1', [userId]);
      const tokens = await work.loadAll(
        Token,
        rows.map(({ id }) => id),
      );
      for (const [id, token] of tokens) work.append(Token, id, invalidateToken(token), metadata);
      await endSessionsOfUser(work, userId, null, 'user-deleted', metadata);
    });
  }
}
