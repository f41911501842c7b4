import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { type Caller, metadataOf } from './caller.js';
import { endSessionsOfToken } from './end-session.js';
import { existing, ownedBy, Token, type TokenEvent, type TokenState, tokenNotFound } from './token.js';

/** Takes a token out of the table; its history stays (S22). */
export class DeleteToken extends Command<void> {
  constructor(
    readonly caller: Caller,
    readonly tokenId: string,
    readonly owner: string | 'anyone',
  ) {
    super();
  }
}

/** Decides a deletion: a token that still works is revoked first. */
export function deleteToken(state: TokenState): TokenEvent[] {
  const deleted: TokenEvent = { type: 'token-deleted', data: {} };
  return existing(state).status === 'active' ? [{ type: 'token-revoked', data: { reason: null } }, deleted] : [deleted];
}

@CommandHandler(DeleteToken)
export class DeleteTokenHandler implements ICommandHandler<DeleteToken> {
  constructor(private readonly store: EventStore) {}

  async execute({ caller, tokenId, owner }: DeleteToken): Promise<void> {
    const deleted = await this.store.transact(async (work) => {
      const state = await work.load(Token, tokenId);
      // Deleted before, perhaps by a service that was killed before it had told anybody: this answer waits for guards too.
      if (state.status === 'deleted') work.append(Token, tokenId, [], metadataOf(caller));
      if (state.status === 'none' || state.status === 'deleted') return false;
      work.append(Token, tokenId, deleteToken(ownedBy(state, owner)), metadataOf(caller));
      await endSessionsOfToken(work, tokenId, 'token', metadataOf(caller));
      return true;
    });
    if (!deleted) throw tokenNotFound();
  }
}
