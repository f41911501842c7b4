import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { type Caller, metadataOf } from './caller.js';
import { CONFIG, type Config } from './config.js';
import type { TokenWithSecret } from './create-token.js';
import { endSessionsOfToken } from './end-session.js';
import { assertMayOwnTokens, assertNoLonger, expiryFor } from './issuing-rules.js';
import type { Policy } from './policy.js';
import { ReenteredPassword } from './reentered-password.js';
import { issueSecret } from './secrets.js';
import { existing, isExpired, ownedBy, Token, type TokenEvent, type TokenState, tokenIs } from './token.js';
import { holdUser, type KnownUser } from './users.js';

/** A new secret on the same token (S19). `selfService`: the token asks itself, and no password is asked for. */
export class RefreshToken extends Command<TokenWithSecret> {
  constructor(
    readonly caller: Caller,
    readonly tokenId: string,
    readonly owner: string | 'anyone',
    readonly wishes: {
      readonly password?: string;
      readonly gracePeriodSeconds?: number;
      readonly expiresAt?: string | null;
      readonly selfService?: boolean;
    },
  ) {
    super();
  }
}

/**
 * Decides a refresh: the old secret is dead at once, or when the grace period that was asked for ends.
 * @throws Problem `expiry-needed` for an expired token: it would be handed out dead
 */
export function refreshToken(
  { caller, wishes }: RefreshToken,
  state: TokenState,
  facts: { readonly holder: KnownUser; readonly policy: Policy; readonly now: Date },
): TokenEvent[] {
  const token = existing(state);
  if (token.status === 'revoked' || token.status === 'invalid') throw tokenIs(token.status);
  assertMayOwnTokens(facts.holder, facts.policy);
  if (wishes.expiresAt === undefined && isExpired(token.expiresAt, facts.now)) {
    throw new Problem(
      409,
      'expiry-needed',
      'expiresAt: the token has expired; say until when the new secret is to work.',
    );
  }
  const expiresAt =
    wishes.expiresAt === undefined ? token.expiresAt : expiryFor(wishes.expiresAt, facts.policy, facts.now);
  if (wishes.selfService) assertStillCurrent(caller, token.secretGeneration);
  if (wishes.selfService) assertNoLonger(caller, token.expiresAt, expiresAt);
  const grace = wishes.gracePeriodSeconds ?? 0;
  const gracePeriodEndsAt = grace > 0 ? new Date(facts.now.getTime() + grace * 1000).toISOString() : null;
  const secretGeneration = token.secretGeneration + 1;
  return [{ type: 'token-refreshed', data: { secretGeneration, expiresAt, gracePeriodEndsAt } }];
}

/** A secret that was replaced already works on until its grace period ends, and makes no other. */
function assertStillCurrent({ secretGeneration }: Caller, current: number): void {
  if (secretGeneration !== current) {
    throw new Problem(409, 'superseded', 'This secret was replaced already; refresh with the one that replaced it.');
  }
}

@CommandHandler(RefreshToken)
export class RefreshTokenHandler implements ICommandHandler<RefreshToken> {
  constructor(
    private readonly store: EventStore,
    private readonly password: ReenteredPassword,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async execute(command: RefreshToken): Promise<TokenWithSecret> {
    const { caller, tokenId, wishes } = command;
    if (!wishes.selfService) await this.password.require('refresh', caller, wishes.password);
    const { peppers, policy } = this.config;
    return this.store.transact(async (work) => {
      const token = ownedBy(existing(await work.load(Token, tokenId)), command.owner);
      if (token.status === 'invalid') throw tokenIs('invalid');
      const holder = await holdUser(work.sql, token.userId);
      const events = refreshToken(command, token, { holder, policy, now: new Date() });
      work.append(Token, tokenId, events, metadataOf(caller));
      if (!wishes.gracePeriodSeconds) await endSessionsOfToken(work, tokenId, 'token', metadataOf(caller));
      return { tokenId, secret: await issueSecret(work.sql, peppers[0], 'tkl', tokenId, token.secretGeneration + 1) };
    });
  }
}
