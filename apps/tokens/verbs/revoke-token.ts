import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { IfMatch } from '@tokenlog/platform/if-match.js';
import { type IssuedToken, Token, type TokenEvent } from '../token/token.js';
import { matchingToken } from '../token/token-tag.js';
import { type Caller, metadataOf } from '../user/caller.js';
import type { Owner } from '../user/owner.js';
import { appendChange } from './append-change.js';
import { ReenteredPassword } from './reentered-password.js';

/** Ends a token for good, and its sessions with it (S21, S29). `selfService`: the token asks itself. */
export class RevokeToken extends Command<void> {
  constructor(
    readonly caller: Caller,
    readonly tokenId: string,
    readonly owner: Owner,
    readonly wishes: { readonly password?: string; readonly reason?: string; readonly selfService?: boolean },
    readonly ifMatch = IfMatch.none,
  ) {
    super();
  }
}

/** Decides a revocation. A token that is revoked already stays as it is: no event. */
export function revokeToken(token: IssuedToken, reason: string | null): TokenEvent[] {
  return token.status === 'revoked' ? [] : [{ type: 'token-revoked', data: { reason } }];
}

@CommandHandler(RevokeToken)
export class RevokeTokenHandler implements ICommandHandler<RevokeToken> {
  constructor(
    private readonly store: EventStore,
    private readonly password: ReenteredPassword,
  ) {}

  async execute(command: RevokeToken): Promise<void> {
    const { caller, tokenId, wishes } = command;
    if (!wishes.selfService) await this.password.require('revoke', caller, wishes.password);
    await this.store.transact(async (work) => {
      const token = matchingToken(work, await work.load(Token, tokenId), command);
      await appendChange(work, tokenId, revokeToken(token, wishes.reason ?? null), metadataOf(caller));
    });
  }
}
