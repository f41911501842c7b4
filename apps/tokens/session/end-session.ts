import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { SessionEndReason } from '@tokenlog/contracts/tokens/session-ended.js';
import type { Metadata } from '@tokenlog/event-store/event.js';
import { EventStore, type Work } from '@tokenlog/event-store/event-store.js';
import type { Owner } from '../user/owner.js';
import { askedSession, entityOfSession, Session, type SessionEvent, type SessionState } from './session.js';

/** Ends one session. `owner`: whose it must be, where it is not an admin or the system who asks. */
export class EndSession extends Command<void> {
  constructor(
    readonly sessionId: string,
    readonly owner: Owner,
    readonly reason: SessionEndReason,
    readonly metadata: Metadata,
  ) {
    super();
  }
}

/** Decides an end, whoever asks for it or whatever else ended: one that has ended stays as it is. */
export function endSession(state: SessionState, reason: SessionEndReason): SessionEvent[] {
  if (state.status !== 'active') return [];
  const { id, userId, tokenId } = state;
  return [{ type: 'session-ended', data: { sessionId: id, userId, tokenId, reason } }];
}

@CommandHandler(EndSession)
export class EndSessionHandler implements ICommandHandler<EndSession> {
  constructor(private readonly store: EventStore) {}

  async execute({ sessionId, owner, reason, metadata }: EndSession): Promise<void> {
    await this.store.transact(async (work) => {
      const session = askedSession(await work.load(Session, sessionId), owner);
      const entity = entityOfSession(sessionId, session.tokenId);
      work.append(Session, sessionId, endSession(session, reason), metadata, entity);
    });
  }
}

/**
 * Ends the sessions that a token started, in the transaction in which those of its secrets end that started them (S19, S29).
 * @param ended of the secret that the token has had up to now, and of those before it
 */
export async function endSessionsOfToken(
  work: Work,
  tokenId: string,
  ended: { readonly current: boolean; readonly earlier: boolean },
  metadata: Metadata,
): Promise<void> {
  if (!ended.current && !ended.earlier) return;
  // First wait for the sessions that are being started: each holds the token until its commit, and is then seen here.
  await work.sql.query('SELECT 1 FROM tokens WHERE id = $1 FOR UPDATE', [tokenId]);
  const { rows } = await work.sql.query<{ id: string }>(
    `SELECT sessions.id FROM sessions JOIN tokens ON tokens.id = token_id
     WHERE token_id = $1 AND ended_at IS NULL AND sessions.expires_at >= now()
       AND CASE WHEN coalesce(sessions.secret_generation, tokens.secret_generation) = tokens.secret_generation
         THEN $2::boolean ELSE $3::boolean END`,
    [tokenId, ended.current, ended.earlier],
  );
  const ids = rows.map(({ id }) => id);
  await appendEnds(work, ids, () => ({ reason: 'token', metadata }));
}

/** Which sessions of a user end, and why. */
export interface SessionsEnd {
  readonly userId: string;
  readonly reason: SessionEndReason;
  readonly metadata: Metadata;
  /** The one that goes on. */
  readonly except?: string | null;
  /** Those that began with a version of the user which is this one or later go on too. */
  readonly before?: { readonly epoch: number; readonly version: number };
}

/** Ends sessions of users, those of their tokens too. */
export async function endSessionsOfUsers(work: Work, ends: readonly SessionsEnd[]): Promise<void> {
  if (ends.length === 0) return;
  const { rows } = await work.sql.query<{ id: string; n: number }>(
    `SELECT sessions.id, ending.n::int AS n
     FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::int[]) WITH ORDINALITY AS ending(user_id, except_id, epoch, version, n)
     JOIN sessions ON sessions.user_id = ending.user_id
     WHERE ended_at IS NULL AND expires_at >= now() AND sessions.id IS DISTINCT FROM ending.except_id
       AND (ending.epoch IS NULL OR user_version IS NULL OR (user_epoch, user_version) < (ending.epoch, ending.version))`,
    [
      ends.map(({ userId }) => userId),
      ends.map(({ except }) => except ?? null),
      ends.map(({ before }) => before?.epoch ?? null),
      ends.map(({ before }) => before?.version ?? null),
    ],
  );
  const endOf = new Map(rows.map(({ id, n }) => [id, ends[n - 1] as SessionsEnd]));
  await appendEnds(work, [...endOf.keys()], (id) => endOf.get(id) as SessionsEnd);
}

async function appendEnds(
  work: Work,
  ids: readonly string[],
  endOf: (id: string) => Pick<SessionsEnd, 'reason' | 'metadata'>,
): Promise<void> {
  if (ids.length === 0) return;
  for (const [id, state] of await work.loadAll(Session, ids)) {
    if (state.status !== 'active') continue;
    const { reason, metadata } = endOf(id);
    work.append(Session, id, endSession(state, reason), metadata, entityOfSession(id, state.tokenId));
  }
}
