import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore, type Work } from '@tokenlog/event-store/event-store.js';
import { IfMatch } from '@tokenlog/platform/if-match.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { CONFIG, type Config } from '../config/config.js';
import { type Claim, KeptAnswers, type TokenWithSecret } from '../repeated-requests/kept-answers.js';
import { Peppers } from '../secret/peppers.js';
import { issueSecret } from '../secret/secrets.js';
import { issuingFacts } from '../token/issuing-facts.js';
import { assertNoLonger, issue } from '../token/issuing-rules.js';
import { assertNotEnded, type IssuedToken, isExpired, Token, type TokenEvent } from '../token/token.js';
import { matchingToken } from '../token/token-tag.js';
import { type Caller, metadataOf } from '../user/caller.js';
import type { Owner } from '../user/owner.js';
import { appendChange } from './append-change.js';
import { ReenteredPassword } from './reentered-password.js';
import { assertNotReplaced, type RenewalFacts, secretWhenAsked, sinceAsked } from './replaced-meanwhile.js';

/** A new secret on the same token (S19). `selfService`: the token asks itself, and no password is asked for. */
export class RefreshToken extends Command<TokenWithSecret> {
  constructor(
    readonly caller: Caller,
    readonly tokenId: string,
    readonly owner: Owner,
    readonly wishes: {
      readonly password?: string;
      readonly gracePeriodSeconds?: number;
      readonly expiresAt?: string | null;
      /** Ends what was promised to secrets that were replaced before: one of them is in the wrong hands. */
      readonly endGracePeriods?: boolean;
      readonly selfService?: boolean;
    },
    readonly ifMatch = IfMatch.none,
    readonly claim: Claim | null = null,
  ) {
    super();
  }
}

/**
 * Decides a refresh: the old secret is dead at once, or when the grace period that was asked for ends. What was promised to
 * those before it holds until its time, unless it is asked to end. A token may refresh itself with each secret of its own that
 * still works: whose answer was lost asks again, and the secret that nobody saw is replaced like any other.
 * @throws Problem `expiry-needed` for an expired token: it would be handed out dead; 409 `refreshed-meanwhile`; where a rule or the
 *   policy is against it
 */
export function refreshToken({ caller, wishes }: RefreshToken, token: IssuedToken, facts: RenewalFacts): TokenEvent[] {
  assertNotEnded(token);
  if (wishes.expiresAt === undefined && isExpired(token.expiresAt, facts.now)) {
    throw new Problem('expiry-needed', 'expiresAt: the token has expired; say until when the new secret is to work.');
  }
  const { expiresAt } = issue({ expiresAt: wishes.expiresAt, newSecret: true }, token, facts);
  if (wishes.selfService) assertNoLonger(caller, token.expiresAt, expiresAt);
  assertNotReplaced(token, facts.meanwhile);
  const grace = wishes.gracePeriodSeconds ?? 0;
  const gracePeriodEndsAt = grace > 0 ? new Date(facts.now.getTime() + grace * 1000).toISOString() : null;
  const secretGeneration = token.secretGeneration + 1;
  const gracePeriodsKept = !wishes.endGracePeriods;
  return [{ type: 'token-refreshed', data: { secretGeneration, expiresAt, gracePeriodEndsAt, gracePeriodsKept } }];
}

@CommandHandler(RefreshToken)
export class RefreshTokenHandler implements ICommandHandler<RefreshToken> {
  constructor(
    private readonly store: EventStore,
    private readonly password: ReenteredPassword,
    private readonly peppers: Peppers,
    private readonly answers: KeptAnswers,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async execute(command: RefreshToken): Promise<TokenWithSecret> {
    const { caller, tokenId, wishes } = command;
    const asked = await secretWhenAsked(this.store.pool, tokenId);
    if (!wishes.selfService) await this.password.require('refresh', caller, wishes.password);
    const { policy } = this.config;
    const renew = async (work: Work) => {
      const token = matchingToken(work, await work.load(Token, tokenId), command);
      const facts = await issuingFacts(work.sql, token.userId, tokenId, policy);
      const meanwhile = await sinceAsked(work.sql, tokenId, { asked, now: token.secretGeneration }, caller);
      await appendChange(work, tokenId, refreshToken(command, token, { ...facts, meanwhile }), metadataOf(caller));
      return {
        tokenId,
        secret: await issueSecret(work.sql, this.peppers.current, 'tkl', tokenId, token.secretGeneration + 1),
      };
    };
    return this.store.transact(renew, (sql, issued) => this.answers.answer(sql, issued, command.claim));
  }
}
