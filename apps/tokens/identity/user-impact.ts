import { Inject, Injectable } from '@nestjs/common';
import type { UserImpact } from '@tokenlog/contracts/internal/user-impact.js';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { CONFIG, type Config } from '../config/config.js';
import { TOKEN_ROWS, type TokenRow } from '../token/token-view.js';

/** What a password change or a deletion would touch (S43): read, nothing changed. */
@Injectable()
export class UserImpactQuery {
  constructor(
    private readonly store: EventStore,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** The user's tokens that are not over yet, and the number of active sessions. */
  async of(userId: string): Promise<UserImpact> {
    const { rows: tokens } = await this.store.pool.query<TokenRow>(
      `SELECT * FROM (${TOKEN_ROWS}) AS r WHERE r.user_id = $2 AND r.state IN ('active', 'expired') ORDER BY r.id`,
      [null, userId],
    );
    const { rows: sessions } = await this.store.pool.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM sessions WHERE user_id = $1 AND ended_at IS NULL AND expires_at >= now()',
      [userId],
    );
    return {
      policy: this.config.policy.onPasswordChange,
      tokens: tokens.map(({ id, description, state }) => ({ id, description, state })),
      sessions: sessions[0]?.count ?? 0,
    };
  }
}
