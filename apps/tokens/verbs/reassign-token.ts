import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore, type Work } from '@tokenlog/event-store/event-store.js';
import { IfMatch } from '@tokenlog/platform/if-match.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { CONFIG, type Config } from '../config/config.js';
import { type Claim, KeptAnswers, type TokenWithSecret } from '../repeated-requests/kept-answers.js';
import { Peppers } from '../secret/peppers.js';
import { issueSecret } from '../secret/secrets.js';
import { endSessionsOfToken } from '../session/end-session.js';
import { issuingFacts } from '../token/issuing-facts.js';
import { type IssuingFacts, issue } from '../token/issuing-rules.js';
import { existing, Token, type TokenEvent, type TokenState, tokenIs } from '../token/token.js';
import { assertTokenMatches } from '../token/token-tag.js';
import { type Caller, metadataOf } from '../user/caller.js';
import { UnknownUsers } from '../user/unknown-users.js';
import { ReenteredPassword } from './reentered-password.js';
import { assertNotReplaced, secretWhenAsked } from './replaced-meanwhile.js';

/** Attaches a token to another user (S31). The old holder would inherit that user's rights: it gets a new secret. */
export class ReassignToken extends Command<TokenWithSecret> {
  constructor(
    readonly caller: Caller,
    readonly tokenId: string,
    readonly userId: string,
    readonly password?: string,
    readonly ifMatch = IfMatch.none,
    readonly claim: Claim | null = null,
  ) {
    super();
  }
}

/**
 * Decides a reassignment. An expiry that is later than the policy allows a new secret is moved there.
 * @throws Problem where a rule or the policy is against the new owner
 */
export function reassignToken(state: TokenState, facts: IssuingFacts): TokenEvent[] {
  const { owner } = facts;
  const token = existing(state);
  if (token.status === 'revoked') throw tokenIs('revoked');
  if (token.userId === owner.id) {
    throw new Problem('same-user', `The token is ${owner.username}'s already; refresh it for a new secret.`);
  }
  const { scopes, expiresAt } = issue({ newSecret: true }, token, facts);
  const secretGeneration = token.secretGeneration + 1;
  const { id: userId, username } = owner;
  const { description, userId: previousUserId } = token;
  const events: TokenEvent[] = [
    { type: 'token-reassigned', data: { userId, username, previousUserId, secretGeneration } },
  ];
  if (expiresAt !== token.expiresAt) events.push({ type: 'token-edited', data: { description, scopes, expiresAt } });
  return events;
}

@CommandHandler(ReassignToken)
export class ReassignTokenHandler implements ICommandHandler<ReassignToken> {
  constructor(
    private readonly store: EventStore,
    private readonly unknownUsers: UnknownUsers,
    private readonly password: ReenteredPassword,
    private readonly peppers: Peppers,
    private readonly answers: KeptAnswers,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async execute({ caller, tokenId, userId, password, ifMatch, claim }: ReassignToken): Promise<TokenWithSecret> {
    const asked = await secretWhenAsked(this.store.pool, tokenId);
    await this.password.require('refresh', caller, password);
    await this.unknownUsers.meet(userId);
    const { policy } = this.config;
    const renew = async (work: Work) => {
      const token = existing(await work.load(Token, tokenId));
      assertTokenMatches(work, tokenId, ifMatch);
      const facts = await issuingFacts(work.sql, userId, tokenId, policy);
      const events = reassignToken(token, facts);
      await assertNotReplaced(work.sql, tokenId, { asked, now: token.secretGeneration }, caller);
      work.append(Token, tokenId, events, metadataOf(caller));
      await endSessionsOfToken(work, tokenId, 'token', metadataOf(caller));
      return {
        tokenId,
        secret: await issueSecret(work.sql, this.peppers.current, 'tkl', tokenId, token.secretGeneration + 1),
      };
    };
    return this.store.transact(renew, (sql, issued) => this.answers.answer(sql, issued, claim));
  }
}
