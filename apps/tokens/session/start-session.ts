import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { UserFacts } from '@tokenlog/contracts/identity/user-facts.js';
import type { Metadata } from '@tokenlog/event-store/event.js';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import { DatabaseClock } from '@tokenlog/platform/clock.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { CONFIG, type Config } from '../config/config.js';
import { Peppers } from '../secret/peppers.js';
import { issueSecret } from '../secret/secrets.js';
import { type KnownUser, waitForUser } from '../user/users.js';
import { learnUser } from './learn-users.js';
import { entityOfSession, Session, type SessionEvent } from './session.js';

/** A session and its credential, which is handed out this once. */
export interface StartedSession {
  readonly sessionId: string;
  readonly userId: string;
  readonly credential: string;
  readonly expiresAt: string;
}

type StartedEvent = Extract<SessionEvent, { type: 'session-started' }>;

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

/** What a start is decided on, besides its command. */
export interface StartingFacts {
  readonly sessionId: string;
  /** Who logged in, or whose token it is; null: there is no such user, or no such token. */
  readonly user: Pick<KnownUser, 'id' | 'username' | 'disabled'> | null;
  /** The token that it is to stand on; null: none. */
  readonly token: {
    readonly status: string;
    readonly secretGeneration: number;
    /** Whether the secret that was proved is in its grace period. */
    readonly isInGrace: boolean;
    readonly expiresAt: Date | null;
  } | null;
  readonly lifetimeHours: number;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/**
 * Decides a start: a session lasts as long as sessions do here, and no longer than the token that it stands on.
 * @throws Problem 409 `not-active`, `user-disabled`: what was proved a moment ago has ended since
 */
export function startSession({ basis }: StartSession, facts: StartingFacts): StartedEvent {
  const { sessionId, user, token, lifetimeHours, nowMs } = facts;
  if (!user || (basis.with === 'token' && !stands(token, basis.generation))) {
    throw new Problem('not-active', 'What the session would stand on has just ended.');
  }
  if (user.disabled) throw new Problem('user-disabled', 'The user has just been disabled.', { status: 409 });
  const end = nowMs + lifetimeHours * 3_600_000;
  const expiresAt = new Date(Math.min(end, token?.expiresAt?.getTime() ?? end)).toISOString();
  const about = { sessionId, userId: user.id, expiresAt };
  if (basis.with === 'token') {
    const { tokenId, generation: secretGeneration } = basis;
    return { type: 'session-started', data: { ...about, tokenId, secretGeneration } };
  }
  const { userVersion, userEpoch = 0 } = basis;
  return {
    type: 'session-started',
    data: { ...about, tokenId: null, secretGeneration: null, userVersion, userEpoch },
  };
}

/** Whether a session can stand on a token by one of its secrets. */
function stands(token: StartingFacts['token'], generation: number): boolean {
  return token?.status === 'active' && (token.secretGeneration === generation || token.isInGrace);
}

@CommandHandler(StartSession)
export class StartSessionHandler implements ICommandHandler<StartSession> {
  constructor(
    private readonly store: EventStore,
    private readonly clock: DatabaseClock,
    private readonly peppers: Peppers,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  async execute(command: StartSession): Promise<StartedSession> {
    const { basis, ip } = command;
    if (basis.with === 'password' && !basis.user) {
      await waitForUser(this.store.pool, basis.userId, { epoch: basis.userEpoch ?? 0, version: basis.userVersion });
    }
    return this.store.transact(async (work) => {
      if (basis.with === 'password' && basis.user) {
        const { userId, userVersion: version, userEpoch: epoch = 0, user: facts } = basis;
        const by = { kind: 'user' as const, id: userId, username: facts.username };
        await learnUser(work, { userId, epoch, version, facts }, { by, ip });
      }
      const found =
        basis.with === 'password' ? await holdUser(work.sql, basis.userId) : await holdToken(work.sql, basis);
      const sessionId = this.clock.newId();
      const lifetimeHours = this.config.sessionLifetimeHours;
      const started = startSession(command, { ...found, sessionId, lifetimeHours, nowMs: this.clock.nowMs() });
      const { userId, tokenId, expiresAt } = started.data;
      const metadata: Metadata = { by: { kind: 'user', id: userId, username: found.user?.username ?? '' }, ip };
      await work.load(Session, sessionId);
      work.append(Session, sessionId, [started], metadata, entityOfSession(sessionId, tokenId));
      const credential = await issueSecret(work.sql, this.peppers.current, 'tks', sessionId, 1);
      return { sessionId, userId, credential, expiresAt };
    });
  }
}

type Found = Pick<StartingFacts, 'user' | 'token'>;

async function holdUser(sql: Sql, userId: string): Promise<Found> {
  const { rows } = await sql.query<NonNullable<Found['user']>>(
    'SELECT id, username, disabled FROM users WHERE id = $1 AND NOT deleted FOR SHARE',
    [userId],
  );
  return { user: rows[0] ?? null, token: null };
}

/** The token is held until the commit: what ends it either sees this session, or is seen here. */
async function holdToken(
  sql: Sql,
  { tokenId, generation }: { readonly tokenId: string; readonly generation: number },
): Promise<Found> {
  const { rows } = await sql.query<
    NonNullable<Found['user']> & Omit<NonNullable<Found['token']>, 'expiresAt'> & { expiresAt: string | Date | null }
  >(
    `SELECT users.id, users.username, disabled, status, secret_generation AS "secretGeneration", expires_at AS "expiresAt",
       EXISTS (
         SELECT FROM secret_graces WHERE token_id = $1 AND generation = $2 AND ends_at >= statement_timestamp()
       ) AS "isInGrace"
     FROM tokens JOIN users ON users.id = user_id WHERE tokens.id = $1 FOR SHARE`,
    [tokenId, generation],
  );
  const [row] = rows;
  if (!row) return { user: null, token: null };
  const { id, username, disabled, expiresAt, ...token } = row;
  return { user: { id, username, disabled }, token: { ...token, expiresAt: expiresAt ? new Date(expiresAt) : null } };
}
