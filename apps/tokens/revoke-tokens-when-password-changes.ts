import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { PasswordChanged } from '@tokenlog/contracts/identity/password-changed.js';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { causedBy } from './caller.js';
import { CONFIG, type Config } from './config.js';
import { endSessionsOfUser } from './end-session.js';
import { revokeToken } from './revoke-token.js';
import { Token } from './token.js';
import { learnUser } from './users.js';

/** Applies the policy on a password change (S43): revoke the user's tokens and end the sessions, or less, or nothing. */
export class RevokeTokensWhenPasswordChanges extends Command<void> {
  constructor(readonly event: PasswordChanged) {
    super();
  }
}

@CommandHandler(RevokeTokensWhenPasswordChanges)
export class RevokeTokensWhenPasswordChangesHandler implements ICommandHandler<RevokeTokensWhenPasswordChanges> {
  constructor(
    private readonly store: EventStore,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async execute({ event }: RevokeTokensWhenPasswordChanges): Promise<void> {
    const effect = event.tokens ?? this.config.policy.onPasswordChange;
    const metadata = causedBy(event);
    await this.store.transact(async (work) => {
      const { userId, version, user } = event;
      if (!(await learnUser(work.sql, { userId, version, facts: user }))) return;
      if (effect === 'keep') return;
      if (effect === 'revoke') {
        const { rows } = await work.sql.query<{ id: string }>(
          `SELECT id FROM tokens WHERE user_id = $1 AND status = 'active'`,
          [userId],
        );
        const tokens = await work.loadAll(
          Token,
          rows.map(({ id }) => id),
        );
        for (const [id, token] of tokens) work.append(Token, id, revokeToken(token, 'password changed'), metadata);
      }
      await endSessionsOfUser(work, userId, event.exceptSessionId, 'password-changed', metadata);
    });
  }
}
