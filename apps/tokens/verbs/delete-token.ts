import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import { IfMatch } from '@tokenlog/platform/if-match.js';
import { CONFIG, type Config } from '../config/config.js';
import { endSessionsOfToken } from '../session/end-session.js';
import { existing, ownedBy, Token, type TokenEvent, type TokenState, tokenNotFound } from '../token/token.js';
import { assertTokenMatches } from '../token/token-tag.js';
import { type Caller, metadataOf } from '../user/caller.js';
import { ReenteredPassword } from './reentered-password.js';

/** Takes a token out of the table; its history stays (S22). One that works is revoked by it, and asks for what that asks for (S11). */
export class DeleteToken extends Command<void> {
  constructor(
    readonly caller: Caller,
    readonly tokenId: string,
    readonly owner: string | 'anyone',
    readonly password?: string,
    readonly ifMatch = IfMatch.none,
  ) {
    super();
  }
}

/** Decides a deletion: a token that still works is revoked first. */
export function deleteToken(state: TokenState): TokenEvent[] {
  const deleted: TokenEvent = { type: 'token-deleted', data: {} };
  return existing(state).status === 'active' ? [{ type: 'token-revoked', data: { reason: null } }, deleted] : [deleted];
}

@CommandHandler(DeleteToken)
export class DeleteTokenHandler implements ICommandHandler<DeleteToken> {
  constructor(
    private readonly store: EventStore,
    private readonly password: ReenteredPassword,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async execute(command: DeleteToken): Promise<void> {
    const done = await this.delete(command, !this.config.policy.requirePassword.includes('revoke'));
    if (done) return;
    await this.password.require('revoke', command.caller, command.password);
    await this.delete(command, true);
  }

  /** Resolves to whether it is deleted: not where it still works, and the policy asks for a password first. */
  private async delete({ caller, tokenId, owner, ifMatch }: DeleteToken, passwordIsRight: boolean): Promise<boolean> {
    const outcome = await this.store.transact(async (work) => {
      const state = await work.load(Token, tokenId);
      // Deleted before, perhaps by a service that was killed before it had told anybody: this answer waits for guards too.
      if (state.status === 'deleted') work.append(Token, tokenId, [], metadataOf(caller));
      if (state.status === 'none' || state.status === 'deleted') return 'not-found';
      const token = ownedBy(state, owner);
      assertTokenMatches(work, tokenId, ifMatch);
      if (!passwordIsRight && (await stillWorks(work.sql, tokenId))) return 'guarded';
      work.append(Token, tokenId, deleteToken(token), metadataOf(caller));
      await endSessionsOfToken(work, tokenId, 'token', metadataOf(caller));
      return 'deleted';
    });
    if (outcome === 'not-found') throw tokenNotFound();
    return outcome === 'deleted';
  }
}

/** Whether a deletion ends anything, by the database's clock, as at verification. */
async function stillWorks(sql: Sql, tokenId: string): Promise<boolean> {
  const { rows } = await sql.query(
    `SELECT FROM tokens WHERE id = $1 AND status = 'active' AND (expires_at IS NULL OR expires_at >= clock_timestamp())`,
    [tokenId],
  );
  return rows.length > 0;
}
