import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { type Caller, metadataOf } from './caller.js';
import { CONFIG, type Config } from './config.js';
import type { TokenWithSecret } from './create-token.js';
import { endSessionsOfToken } from './end-session.js';
import { IdentityStanding } from './identity-standing.js';
import { assertMayCarry, assertMayOwnTokens } from './issuing-rules.js';
import type { Policy } from './policy.js';
import { issueSecret } from './secrets.js';
import { existing, Token, type TokenEvent, type TokenState, tokenIs } from './token.js';
import { holdUser, type KnownUser } from './users.js';

/** Attaches a token to another user (S31). The old holder would inherit that user's rights: it gets a new secret. */
export class ReassignToken extends Command<TokenWithSecret> {
  constructor(
    readonly caller: Caller,
    readonly tokenId: string,
    readonly userId: string,
  ) {
    super();
  }
}

/** Decides a reassignment. @throws Problem where a rule or the policy is against the new owner */
export function reassignToken(state: TokenState, owner: KnownUser, policy: Policy): TokenEvent[] {
  const token = existing(state);
  if (token.status === 'revoked') throw tokenIs('revoked');
  if (token.userId === owner.id) {
    throw new Problem(409, 'same-user', `The token is ${owner.username}'s already; refresh it for a new secret.`);
  }
  assertMayOwnTokens(owner, policy);
  assertMayCarry(token.scopes, owner, policy);
  const secretGeneration = token.secretGeneration + 1;
  const { id: userId, username } = owner;
  return [{ type: 'token-reassigned', data: { userId, username, previousUserId: token.userId, secretGeneration } }];
}

@CommandHandler(ReassignToken)
export class ReassignTokenHandler implements ICommandHandler<ReassignToken> {
  constructor(
    private readonly store: EventStore,
    private readonly standing: IdentityStanding,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async execute({ caller, tokenId, userId }: ReassignToken): Promise<TokenWithSecret> {
    await this.standing.meet(userId);
    const { peppers, policy } = this.config;
    return this.store.transact(async (work) => {
      const token = existing(await work.load(Token, tokenId));
      const owner = await holdUser(work.sql, userId);
      work.append(Token, tokenId, reassignToken(token, owner, policy), metadataOf(caller));
      await endSessionsOfToken(work, tokenId, 'token', metadataOf(caller));
      return { tokenId, secret: await issueSecret(work.sql, peppers[0], 'tkl', tokenId, token.secretGeneration + 1) };
    });
  }
}
