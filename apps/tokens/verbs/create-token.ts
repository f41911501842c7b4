import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore, type Work } from '@tokenlog/event-store/event-store.js';
import { DatabaseClock } from '@tokenlog/platform/clock.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { CONFIG, type Config } from '../config/config.js';
import { type Claim, KeptAnswers, type TokenWithSecret } from '../repeated-requests/kept-answers.js';
import { Peppers } from '../secret/peppers.js';
import { issueSecret } from '../secret/secrets.js';
import { issuingFacts } from '../token/issuing-facts.js';
import { assertNoMoreThan, existingOwner, type IssuingFacts, issue } from '../token/issuing-rules.js';
import { Token, type TokenEvent } from '../token/token.js';
import { type Caller, metadataOf } from '../user/caller.js';
import { UnknownUsers } from '../user/unknown-users.js';
import { ReenteredPassword } from './reentered-password.js';

/** Issues a token: for oneself (S9), or as an admin for anybody (S10). */
export class CreateToken extends Command<TokenWithSecret> {
  constructor(
    readonly caller: Caller,
    readonly token: {
      readonly userId: string;
      readonly description: string;
      readonly scopes: readonly string[];
      readonly expiresAt?: string | null;
    },
    readonly password?: string,
    readonly claim: Claim | null = null,
  ) {
    super();
  }
}

/** Decides a creation. @throws Problem where a rule or the policy is against it */
export function createToken({ caller, token }: CreateToken, facts: IssuingFacts): TokenEvent[] {
  const { policy } = facts;
  if (policy.create === 'admin-only' && !caller.isAdmin) {
    throw new Problem('policy-create', 'Only admins create tokens here.');
  }
  if (!policy.requirePassword.includes('create')) assertNoMoreThan(caller, token.scopes);
  const { description } = token;
  const { scopes, expiresAt } = issue({ ...token, newSecret: true }, null, facts);
  const { id: userId, username } = existingOwner(facts);
  return [{ type: 'token-created', data: { userId, username, description, scopes, expiresAt, secretGeneration: 1 } }];
}

@CommandHandler(CreateToken)
export class CreateTokenHandler implements ICommandHandler<CreateToken> {
  constructor(
    private readonly store: EventStore,
    private readonly password: ReenteredPassword,
    private readonly unknownUsers: UnknownUsers,
    private readonly clock: DatabaseClock,
    private readonly peppers: Peppers,
    private readonly answers: KeptAnswers,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async execute(command: CreateToken): Promise<TokenWithSecret> {
    await this.password.require('create', command.caller, command.password);
    await this.unknownUsers.meet(command.token.userId);
    const { policy } = this.config;
    const create = async (work: Work) => {
      const tokenId = this.clock.newId();
      const facts = await issuingFacts(work.sql, command.token.userId, null, policy);
      await work.load(Token, tokenId);
      work.append(Token, tokenId, createToken(command, facts), metadataOf(command.caller));
      return { tokenId, secret: await issueSecret(work.sql, this.peppers.current, 'tkl', tokenId, 1) };
    };
    return this.store.transact(create, (sql, issued) => this.answers.answer(sql, issued, command.claim));
  }
}
