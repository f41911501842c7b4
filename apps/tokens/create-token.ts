import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { v7 } from 'uuid';
import { type Caller, metadataOf } from './caller.js';
import { CONFIG, type Config } from './config.js';
import { IdentityStanding } from './identity-standing.js';
import { assertMayCarry, assertMayOwnTokens, assertNoMoreThan, expiryFor } from './issuing-rules.js';
import type { Policy } from './policy.js';
import { ReenteredPassword } from './reentered-password.js';
import { issueSecret } from './secrets.js';
import { Token, type TokenEvent } from './token.js';
import { holdUser, type KnownUser } from './users.js';

/** A token and its text, which is handed out this once (S7). */
export interface TokenWithSecret {
  readonly tokenId: string;
  readonly secret: string;
}

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
  ) {
    super();
  }
}

/** What a creation is decided on, besides the command. */
export interface CreationFacts {
  readonly owner: KnownUser;
  readonly liveTokens: number;
  readonly policy: Policy;
  readonly now: Date;
}

/** Decides a creation. @throws Problem where a rule or the policy is against it */
export function createToken({ caller, token }: CreateToken, facts: CreationFacts): TokenEvent[] {
  const { owner, policy } = facts;
  if (policy.create === 'admin-only' && !caller.isAdmin) {
    throw new Problem(403, 'policy-create', 'Only admins create tokens here.');
  }
  if (!policy.requirePassword.includes('create')) assertNoMoreThan(caller, token.scopes);
  assertMayOwnTokens(owner, policy);
  assertMayCarry(token.scopes, owner, policy);
  if (policy.maxTokensPerUser && facts.liveTokens >= policy.maxTokensPerUser) {
    throw new Problem(
      409,
      'policy-max-tokens',
      `${owner.username} has ${facts.liveTokens} tokens, as many as one may.`,
    );
  }
  const expiresAt = expiryFor(token.expiresAt, policy, facts.now);
  const { description } = token;
  const scopes = [...new Set(token.scopes)];
  const { id: userId, username } = owner;
  return [{ type: 'token-created', data: { userId, username, description, scopes, expiresAt, secretGeneration: 1 } }];
}

@CommandHandler(CreateToken)
export class CreateTokenHandler implements ICommandHandler<CreateToken> {
  constructor(
    private readonly store: EventStore,
    private readonly password: ReenteredPassword,
    private readonly standing: IdentityStanding,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async execute(command: CreateToken): Promise<TokenWithSecret> {
    await this.password.require('create', command.caller, command.password);
    await this.standing.meet(command.token.userId);
    const { peppers, policy } = this.config;
    return this.store.transact(async (work) => {
      const tokenId = v7();
      const owner = await holdUser(work.sql, command.token.userId);
      if (policy.maxTokensPerUser)
        await work.sql.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [owner.id]);
      const { rows } = await work.sql.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM tokens
         WHERE user_id = $1 AND status = 'active' AND (expires_at IS NULL OR expires_at >= now())`,
        [owner.id],
      );
      await work.load(Token, tokenId);
      const facts = { owner, liveTokens: rows[0]?.count ?? 0, policy, now: new Date() };
      work.append(Token, tokenId, createToken(command, facts), metadataOf(command.caller));
      return { tokenId, secret: await issueSecret(work.sql, peppers[0], 'tkl', tokenId, 1) };
    });
  }
}
