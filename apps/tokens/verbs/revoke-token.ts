import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { IfMatch } from '@tokenlog/platform/if-match.js';
import { endSessionsOfToken } from '../session/end-session.js';
import { existing, ownedBy, Token, type TokenEvent, type TokenState } from '../token/token.js';
import { assertTokenMatches } from '../token/token-tag.js';
import { type Caller, metadataOf } from '../user/caller.js';
import { ReenteredPassword } from './reentered-password.js';

/** Ends a token for good, and its sessions with it (S21, S29). `selfService`: the token asks itself. */
export class RevokeToken extends Command<void> {
  constructor(
    readonly caller: Caller,
    readonly tokenId: string,
    readonly owner: string | 'anyone',
    readonly wishes: { readonly password?: string; readonly reason?: string; readonly selfService?: boolean },
    readonly ifMatch = IfMatch.none,
  ) {
    super();
  }
}

/** Decides a revocation. A token that is revoked already stays as it is: no event. */
export function revokeToken(state: TokenState, reason: string | null): TokenEvent[] {
  return existing(state).status === 'revoked' ? [] : [{ type: 'token-revoked', data: { reason } }];
}

@CommandHandler(RevokeToken)
export class RevokeTokenHandler implements ICommandHandler<RevokeToken> {
  constructor(
    private readonly store: EventStore,
    private readonly password: ReenteredPassword,
  ) {}

  async execute({ caller, tokenId, owner, wishes, ifMatch }: RevokeToken): Promise<void> {
    if (!wishes.selfService) await this.password.require('revoke', caller, wishes.password);
    await this.store.transact(async (work) => {
      const token = ownedBy(existing(await work.load(Token, tokenId)), owner);
      assertTokenMatches(work, tokenId, ifMatch);
      work.append(Token, tokenId, revokeToken(token, wishes.reason ?? null), metadataOf(caller));
      await endSessionsOfToken(work, tokenId, 'token', metadataOf(caller));
    });
  }
}
