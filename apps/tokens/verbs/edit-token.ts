import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { IfMatch } from '@tokenlog/platform/if-match.js';
import { CONFIG, type Config } from '../config/config.js';
import { issuingFacts } from '../token/issuing-facts.js';
import { assertNoLonger, assertNoMoreThan, type IssuingFacts, issue } from '../token/issuing-rules.js';
import { assertNotEnded, type IssuedToken, Token, type TokenEvent } from '../token/token.js';
import { matchingToken } from '../token/token-tag.js';
import { type Caller, metadataOf } from '../user/caller.js';
import type { Owner } from '../user/owner.js';
import { appendChange } from './append-change.js';

/** Changes description, scopes or expiry (S18). What is left out stays. */
export class EditToken extends Command<void> {
  constructor(
    readonly caller: Caller,
    readonly tokenId: string,
    readonly owner: Owner,
    readonly changes: {
      readonly description?: string;
      readonly scopes?: readonly string[];
      readonly expiresAt?: string | null;
    },
    readonly ifMatch = IfMatch.none,
  ) {
    super();
  }
}

/** Decides an edit. Nothing changed: no event. @throws Problem where a rule or the policy is against it */
export function editToken({ caller, changes }: EditToken, token: IssuedToken, facts: IssuingFacts): TokenEvent[] {
  assertNotEnded(token);
  const description = changes.description ?? token.description;
  const { scopes, expiresAt } = issue({ ...changes, newSecret: false }, token, facts);
  assertNoMoreThan(
    caller,
    scopes.filter((scope) => !token.scopes.includes(scope)),
  );
  assertNoLonger(caller, token.expiresAt, expiresAt);
  const before = JSON.stringify([token.description, token.scopes, token.expiresAt]);
  if (JSON.stringify([description, scopes, expiresAt]) === before) return [];
  return [{ type: 'token-edited', data: { description, scopes, expiresAt } }];
}

@CommandHandler(EditToken)
export class EditTokenHandler implements ICommandHandler<EditToken> {
  constructor(
    private readonly store: EventStore,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async execute(command: EditToken): Promise<void> {
    await this.store.transact(async (work) => {
      const { caller, tokenId } = command;
      const token = matchingToken(work, await work.load(Token, tokenId), command);
      const facts = await issuingFacts(work.sql, token.userId, tokenId, this.config.policy);
      await appendChange(work, tokenId, editToken(command, token, facts), metadataOf(caller));
    });
  }
}
