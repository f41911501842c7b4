import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { UserFacts } from '@tokenlog/contracts/identity/user-facts.js';
import type { Metadata } from '@tokenlog/event-store/event.js';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { DatabaseClock } from '@tokenlog/platform/clock.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { CONFIG, type Config } from '../config/config.js';
import { Peppers } from '../secret/peppers.js';
import { issueSecret } from '../secret/secrets.js';
import { type KnownUser, waitForUser } from '../user/users.js';
import { learnUser } from './learn-users.js';
import { entityOfSession, Session } from './session.js';

/** A session and its credential, which is handed out this once. */
export interface StartedSession {
  readonly sessionId: string;
  readonly userId: string;
  readonly credential: string;
  readonly expiresAt: string;
}

/** Starts a session for a user who has logged in, or for whoever has just proved a token. */
export class StartSession extends Command<StartedSession> {
  constructor(
    readonly basis:
      | {
          readonly with: 'password';
          readonly userId: string;
          /** As of which version, and epoch of identity's log, the user logged in. */
          readonly userVersion: number;
          readonly userEpoch?: number;
          /** What identity says of the user as of then; without it the event that says so is waited for. */
          readonly user?: UserFacts;
        }
      | { readonly with: 'token'; readonly tokenId: string; readonly generation: number },
    readonly ip: string | null,
  ) {
    super();
  }
}

@CommandHandler(StartSession)
export class StartSessionHandler implements ICommandHandler<StartSession> {
  constructor(
    private readonly store: EventStore,
    private readonly clock: DatabaseClock,
    private readonly peppers: Peppers,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async execute({ basis, ip }: StartSession): Promise<StartedSession> {
    if (basis.with === 'password' && !basis.user) {
      await waitForUser(this.store.pool, basis.userId, { epoch: basis.userEpoch ?? 0, version: basis.userVersion });
    }
    return this.store.transact(async (work) => {
      if (basis.with === 'password' && basis.user) {
        const { userId, userVersion: version, userEpoch: epoch = 0, user: facts } = basis;
        const by = { kind: 'user' as const, id: userId, username: facts.username };
        await learnUser(work, { userId, epoch, version, facts }, { by, ip });
      }
      const sessionId = this.clock.newId();
      const { rows } = await work.sql.query<KnownUser & { tokenExpiresAt: string | Date | null }>(
        basis.with === 'password'
          ? 'SELECT id, username, disabled, NULL AS "tokenExpiresAt" FROM users WHERE id = $1 AND NOT deleted FOR SHARE'
          : // The token is held until the commit: what ends it either sees this session, or is seen here.
            `SELECT users.id, users.username, disabled, expires_at AS "tokenExpiresAt" FROM tokens JOIN users ON users.id = user_id
             WHERE tokens.id = $1 AND status = 'active' AND ($2 = secret_generation OR EXISTS (
               SELECT FROM secret_graces WHERE token_id = $1 AND generation = $2 AND ends_at >= statement_timestamp()
             )) FOR SHARE`,
        basis.with === 'password' ? [basis.userId] : [basis.tokenId, basis.generation],
      );
      const user = rows[0];
      if (!user) throw new Problem('not-active', 'What the session would stand on has just ended.');
      if (user.disabled) throw new Problem('user-disabled', 'The user has just been disabled.', { status: 409 });
      const end = this.clock.nowMs() + this.config.sessionLifetimeHours * 3_600_000;
      const limit = user.tokenExpiresAt ? new Date(user.tokenExpiresAt).getTime() : Number.POSITIVE_INFINITY;
      const expiresAt = new Date(Math.min(end, limit)).toISOString();
      const tokenId = basis.with === 'token' ? basis.tokenId : null;
      const secretGeneration = basis.with === 'token' ? basis.generation : null;
      const asOf = basis.with === 'password' ? { userVersion: basis.userVersion, userEpoch: basis.userEpoch ?? 0 } : {};
      const metadata: Metadata = { by: { kind: 'user', id: user.id, username: user.username }, ip };
      await work.load(Session, sessionId);
      work.append(
        Session,
        sessionId,
        [
          {
            type: 'session-started',
            data: { sessionId, userId: user.id, tokenId, expiresAt, secretGeneration, ...asOf },
          },
        ],
        metadata,
        entityOfSession(sessionId, tokenId),
      );
      const credential = await issueSecret(work.sql, this.peppers.current, 'tks', sessionId, 1);
      return { sessionId, userId: user.id, credential, expiresAt };
    });
  }
}
