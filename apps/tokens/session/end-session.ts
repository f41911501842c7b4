import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import type { SessionEndReason } from '@tokenlog/contracts/tokens/session-ended.js';
import type { Metadata } from '@tokenlog/event-store/event.js';
import { EventStore, type Work } from '@tokenlog/event-store/event-store.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { endSession, entityOfSession, Session } from './session.js';

/** Ends one session. `owner`: whose it must be, where it is not an admin or the system who asks. */
export class EndSession extends Command<void> {
  constructor(
    readonly sessionId: string,
    readonly owner: string | 'anyone',
    readonly reason: SessionEndReason,
    readonly metadata: Metadata,
  ) {
    super();
  }
}

@CommandHandler(EndSession)
export class EndSessionHandler implements ICommandHandler<EndSession> {
  constructor(private readonly store: EventStore) {}

  async execute({ sessionId, owner, reason, metadata }: EndSession): Promise<void> {
    await this.store.transact(async (work) => {
      const state = await work.load(Session, sessionId);
      if (state.status === 'none' || (owner !== 'anyone' && state.userId !== owner)) {
        throw new Problem('session-not-found', 'There is no such session, or it is not yours.');
      }
      const events = endSession(state, reason);
      work.append(Session, sessionId, events, metadata, entityOfSession(sessionId, state.tokenId));
    });
  }
}

/** Ends the sessions that a token started (S29), in the transaction in which the token ends. */
export async function endSessionsOfToken(work: Work, tokenId: string, reason: SessionEndReason, metadata: Metadata) {
  // First wait for the sessions that are being started: each holds the token until its commit, and is then seen here.
  await work.sql.query('SELECT 1 FROM tokens WHERE id = $1 FOR UPDATE', [tokenId]);
  await endSessions(work, 'token_id = $1', [tokenId], reason, metadata);
}

/**
 * Ends the sessions of secrets that a refresh has left without a grace period (S19): of the one that it replaced, unless it
 * was asked to leave it some time, and of those before it, where it was asked to.
 */
export async function endSessionsOfReplacedSecrets(
  work: Work,
  tokenId: string,
  { gracePeriodSeconds, endGracePeriods }: { gracePeriodSeconds?: number; endGracePeriods?: boolean },
  metadata: Metadata,
) {
  await work.sql.query('SELECT 1 FROM tokens WHERE id = $1 FOR UPDATE', [tokenId]);
  const current = '(SELECT secret_generation FROM tokens WHERE id = $1)';
  const ofCurrent = `coalesce(secret_generation, ${current}) = ${current}`;
  const conditions = [gracePeriodSeconds ? [] : [ofCurrent], endGracePeriods ? [`NOT (${ofCurrent})`] : []].flat();
  if (conditions.length === 0) return;
  const condition = `token_id = $1 AND (${conditions.join(' OR ')})`;
  await endSessions(work, condition, [tokenId], 'token', metadata);
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

async function endSessions(
  work: Work,
  condition: string,
  values: unknown[],
  reason: SessionEndReason,
  metadata: Metadata,
): Promise<void> {
  const { rows } = await work.sql.query<{ id: string }>(
    `SELECT id FROM sessions WHERE ended_at IS NULL AND expires_at >= now() AND ${condition}`,
    values,
  );
  const ids = rows.map(({ id }) => id);
  await appendEnds(work, ids, () => ({ reason, metadata }));
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
