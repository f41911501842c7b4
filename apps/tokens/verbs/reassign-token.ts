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
import { existingOwner, issue } from '../token/issuing-rules.js';
import { assertNotRevoked, type IssuedToken, Token, type TokenEvent } from '../token/token.js';
import { matchingToken } from '../token/token-tag.js';
import { type Caller, metadataOf } from '../user/caller.js';
import { UnknownUsers } from '../user/unknown-users.js';
import { appendChange } from './append-change.js';
import { ReenteredPassword } from './reentered-password.js';
import { assertNotReplaced, type RenewalFacts, secretWhenAsked, sinceAsked } from './replaced-meanwhile.js';

/** Attaches a token to another user (S31). The old holder would inherit that user's rights: it gets a new secret. */
export class ReassignToken extends Command<TokenWithSecret> {
  /** Only an admin asks for it. */
  readonly owner = 'anyone';

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
 * @throws Problem 409 `same-user`, `refreshed-meanwhile`; where a rule or the policy is against the new owner
 */
export function reassignToken(token: IssuedToken, facts: RenewalFacts): TokenEvent[] {
  const owner = existingOwner(facts);
  assertNotRevoked(token);
  if (token.userId === owner.id) {
    throw new Problem('same-user', `The token is ${owner.username}'s already; refresh it for a new secret.`);
  }
  const { scopes, expiresAt } = issue({ newSecret: true }, token, facts);
  assertNotReplaced(token, facts.meanwhile);
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

  async execute(command: ReassignToken): Promise<TokenWithSecret> {
    const { caller, tokenId, userId, password, claim } = command;
    const asked = await secretWhenAsked(this.store.pool, tokenId);
    await this.password.require('refresh', caller, password);
    await this.unknownUsers.meet(userId);
    const { policy } = this.config;
    const renew = async (work: Work) => {
      const token = matchingToken(work, await work.load(Token, tokenId), command);
      const facts = await issuingFacts(work.sql, userId, tokenId, policy);
      const meanwhile = await sinceAsked(work.sql, tokenId, { asked, now: token.secretGeneration }, caller);
      await appendChange(work, tokenId, reassignToken(token, { ...facts, meanwhile }), metadataOf(caller));
      return {
        tokenId,
        secret: await issueSecret(work.sql, this.peppers.current, 'tkl', tokenId, token.secretGeneration + 1),
      };
    };
    return this.store.transact(renew, (sql, issued) => this.answers.answer(sql, issued, claim));
  }
}
