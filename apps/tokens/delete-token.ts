import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { type Caller, metadataOf } from './caller.js';
import { endSessionsOfToken } from './end-session.js';
import { existing, ownedBy, Token, type TokenEvent, type TokenState } from './token.js';

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
    await this.store.transact(async (work) => {
      const token = ownedBy(existing(await work.load(Token, tokenId)), owner);
      work.append(Token, tokenId, deleteToken(token), metadataOf(caller));
      await endSessionsOfToken(work, tokenId, 'token', metadataOf(caller));
    });
  }
}
