import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import { IfMatch } from '@tokenlog/platform/if-match.js';
import { CONFIG, type Config } from '../config/config.js';
import type { Policy } from '../config/policy.js';
import { type IssuedToken, Token, type TokenEvent, tokenNotFound, works } from '../token/token.js';
import { matchingToken } from '../token/token-tag.js';
import { type Caller, metadataOf } from '../user/caller.js';
import type { Owner } from '../user/owner.js';
import { appendChange } from './append-change.js';
import { ReenteredPassword } from './reentered-password.js';

/** Takes a token out of the table; its history stays (S22). One that works is revoked by it, and asks for what that asks for (S11). */
export class DeleteToken extends Command<void> {
  constructor(
    readonly caller: Caller,
    readonly tokenId: string,
    readonly owner: Owner,
    readonly password?: string,
    readonly ifMatch = IfMatch.none,
  ) {
    super();
  }
}

/**
 * Decides whether a deletion needs the password: where it ends a token that works, as its revocation does (S11).
 * @param now by the database's clock, as at verification
 */
export function deletionNeedsPassword(token: IssuedToken, policy: Policy, now: Date): boolean {
  return policy.requirePassword.includes('revoke') && works(token, now);
}

/** Decides a deletion: a token that could still work is revoked first. */
export function deleteToken(token: IssuedToken): TokenEvent[] {
  const deleted: TokenEvent = { type: 'token-deleted', data: {} };
  return token.status === 'active' ? [{ type: 'token-revoked', data: { reason: null } }, deleted] : [deleted];
}

@CommandHandler(DeleteToken)
export class DeleteTokenHandler implements ICommandHandler<DeleteToken> {
  constructor(
    private readonly store: EventStore,
    private readonly password: ReenteredPassword,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async execute(command: DeleteToken): Promise<void> {
    if (await this.delete(command, false)) return;
    await this.password.require('revoke', command.caller, command.password);
    await this.delete(command, true);
  }

  /** Resolves to whether it is deleted: not where the password must be right first. */
  private async delete(command: DeleteToken, passwordIsRight: boolean): Promise<boolean> {
    const { caller, tokenId } = command;
    const outcome = await this.store.transact(async (work) => {
      const state = await work.load(Token, tokenId);
      if (state.status === 'deleted') {
        // Perhaps by a service that was killed before it had told anybody: this answer waits for guards too.
        work.append(Token, tokenId, [], metadataOf(caller));
        return 'not-found';
      }
      const token = matchingToken(work, state, command);
      const needsPassword = deletionNeedsPassword(token, this.config.policy, await databaseTime(work.sql));
      if (needsPassword && !passwordIsRight) return 'guarded';
      await appendChange(work, tokenId, deleteToken(token), metadataOf(caller));
      return 'deleted';
    });
    if (outcome === 'not-found') throw tokenNotFound();
    return outcome === 'deleted';
  }
}

async function databaseTime(sql: Sql): Promise<Date> {
  const { rows } = await sql.query<{ now: string | Date }>('SELECT clock_timestamp() AS now');
  return new Date((rows as [(typeof rows)[number]])[0].now);
}
