import { setTimeout as delay } from 'node:timers/promises';
import type { UserFacts } from '@tokenlog/contracts/identity/user-facts.js';
import type { Metadata } from '@tokenlog/event-store/event.js';
import type { Work } from '@tokenlog/event-store/event-store.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { endSessionsOfUser } from './end-session.js';

/** What this service knows of a user: identity's facts, as of its event `version`. */
export interface KnownUser extends UserFacts {
  readonly id: string;
  readonly version: number;
  readonly deleted: boolean;
}

const COLUMNS = `id, version, deleted, username, kind, roles, disabled, has_password AS "hasPassword",
  must_change_password AS "mustChangePassword", has_logged_in AS "hasLoggedIn"`;

/**
 * A user, held until the transaction ends: whoever creates or reassigns a token does so either before the user's
 * deletion is applied, which then sees the token, or after it.
 * @throws Problem 404 `user-not-found`
 */
export async function holdUser(sql: Sql, id: string): Promise<KnownUser> {
  const { rows } = await sql.query<KnownUser>(`SELECT ${COLUMNS} FROM users WHERE id = $1 FOR SHARE`, [id]);
  const user = rows[0];
  if (!user || user.deleted) throw new Problem(404, 'user-not-found', 'There is no such user.');
  return user;
}

/** What is known of a user, a deleted one too; `null`: nothing. */
export async function findUser(sql: Sql, id: string): Promise<KnownUser | null> {
  const { rows } = await sql.query<KnownUser>(`SELECT ${COLUMNS} FROM users WHERE id = $1`, [id]);
  return rows[0] ?? null;
}

/** How long a request of identity's waits for what it has just published. */
const CATCH_UP_MS = 1500;
const CATCH_UP_STEP_MS = 10;

/**
 * Resolves when what identity's event `version` says of a user is known here.
 * @throws Problem 503 `not-caught-up` when it is not in time
 */
export async function waitForUser(sql: Sql, id: string, { epoch, version }: UserVersion): Promise<void> {
  const deadline = performance.now() + CATCH_UP_MS;
  for (;;) {
    const { rows } = await sql.query('SELECT 1 FROM users WHERE id = $1 AND (epoch, version) >= ($2, $3)', [
      id,
      epoch,
      version,
    ]);
    if (rows.length > 0) return;
    if (performance.now() > deadline) {
      throw new Problem(503, 'not-caught-up', 'The token service has not heard of this yet; try again.', {
        headers: { 'Retry-After': '1' },
      });
    }
    await delay(CATCH_UP_STEP_MS);
  }
}

/** Which version of a user: those of a later epoch of identity's log are later, whatever their numbers. */
export interface UserVersion {
  readonly epoch: number;
  readonly version: number;
}

/** What is said of a user as of a version. */
export type UserChange = UserVersion & { readonly userId: string } & (
    | { readonly facts: UserFacts }
    | { readonly deletedUsername: string }
  );

/**
 * Takes over what is said of a user, unless that or something later is known already: events come at least once, and their
 * facts may have come before them with a login. What follows from it beside: sessions of a user who is disabled end.
 * @returns whether it was news
 */
export async function learnUser(work: Work, change: UserChange, metadata: Metadata): Promise<boolean> {
  const isNews = await takeOverFacts(work.sql, change);
  if (isNews && 'facts' in change && change.facts.disabled) {
    await endSessionsOfUser(work, change.userId, { reason: 'user-disabled', metadata });
  }
  return isNews;
}

/** The part of `learnUser` that is a row. */
export async function takeOverFacts(sql: Sql, change: UserChange): Promise<boolean> {
  const facts: UserFacts =
    'facts' in change
      ? change.facts
      : {
          username: change.deletedUsername,
          kind: 'person',
          roles: [],
          disabled: true,
          hasPassword: false,
          mustChangePassword: false,
          hasLoggedIn: false,
        };
  const { rows } = await sql.query(
    // Of a user who was not known nothing here can follow from earlier events.
    `INSERT INTO users (id, epoch, version, applied_epoch, applied_version, deleted, username, kind, roles, disabled,
       has_password, must_change_password, has_logged_in)
     VALUES ($1, $2, $3, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     ON CONFLICT (id) DO UPDATE SET
       epoch = excluded.epoch, version = excluded.version, deleted = excluded.deleted, username = excluded.username,
       kind = excluded.kind, roles = excluded.roles, disabled = excluded.disabled, has_password = excluded.has_password,
       must_change_password = excluded.must_change_password, has_logged_in = excluded.has_logged_in
     WHERE (users.epoch, users.version) < (excluded.epoch, excluded.version)
     RETURNING id`,
    [
      change.userId,
      change.epoch,
      change.version,
      'deletedUsername' in change,
      facts.username,
      facts.kind,
      facts.roles,
      facts.disabled,
      facts.hasPassword,
      facts.mustChangePassword,
      facts.hasLoggedIn,
    ],
  );
  return rows.length > 0;
}

/**
 * Whether what follows from an event is still to be done; if so, it is taken as done with this transaction. An event of which
 * the facts are known already counts, and one that comes again under a later epoch does not.
 */
export async function takeUpEvent(
  sql: Sql,
  { userId, epoch, version, eventId }: UserVersion & { readonly userId: string; readonly eventId: string },
): Promise<boolean> {
  const { rows } = await sql.query(
    `UPDATE users SET applied_epoch = $2, applied_version = $3, applied_event = $4
     WHERE id = $1 AND (applied_epoch, applied_version) < ($2, $3) AND applied_event IS DISTINCT FROM $4 RETURNING id`,
    [userId, epoch, version, eventId],
  );
  return rows.length > 0;
}
