import { setTimeout as delay } from 'node:timers/promises';
import type { UserFacts } from '@tokenlog/contracts/identity/user-facts.js';
import type { Metadata } from '@tokenlog/event-store/event.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import { Problem } from '@tokenlog/platform/problem.js';

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
 * deletion is applied, which then sees the token, or after it. `null`: there is none, or no longer.
 */
export async function holdUser(sql: Sql, id: string): Promise<KnownUser | null> {
  const { rows } = await sql.query<KnownUser>(`SELECT ${COLUMNS} FROM users WHERE id = $1 FOR SHARE`, [id]);
  const user = rows[0];
  return user && !user.deleted ? user : null;
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
      throw new Problem('not-caught-up', 'The token service has not heard of this yet; try again.');
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

/** A change, and on whose account what follows from it stands in the log. */
export type ToldChange = UserChange & { readonly metadata: Metadata };

/** The part of `learnUsers` that is a row each. @returns what was known of those of whom it was news */
export async function takeOverFacts(sql: Sql, changes: readonly UserChange[]): Promise<Map<string, UserVersion>> {
  const { rows } = await sql.query<{ id: string; epoch: number | null; version: number | null }>(TAKE_OVER_FACTS, [
    JSON.stringify(changes.map(rowOf)),
  ]);
  return new Map(rows.map(({ id, epoch, version }) => [id, { epoch: epoch ?? -1, version: version ?? -1 }]));
}

/** `$1`: users as JSON, each once. Locked in the order of their ids. Returns what was known of those of whom it is news. */
const TAKE_OVER_FACTS = `
  -- Of a user who was not known nothing here can follow from earlier events.
  INSERT INTO users (id, epoch, version, applied_epoch, applied_version, deleted, username, kind, roles, disabled,
    has_password, must_change_password, has_logged_in)
  SELECT id, epoch, version, epoch, version, deleted, username, kind, roles, disabled, "hasPassword", "mustChangePassword",
    "hasLoggedIn"
  FROM jsonb_to_recordset($1) AS told(id uuid, epoch bigint, version int, deleted boolean, username text, kind text,
    roles text[], disabled boolean, "hasPassword" boolean, "mustChangePassword" boolean, "hasLoggedIn" boolean)
  ORDER BY id
  ON CONFLICT (id) DO UPDATE SET
    epoch = excluded.epoch, version = excluded.version, deleted = excluded.deleted, username = excluded.username,
    kind = excluded.kind, roles = excluded.roles, disabled = excluded.disabled, has_password = excluded.has_password,
    must_change_password = excluded.must_change_password, has_logged_in = excluded.has_logged_in
  WHERE (users.epoch, users.version) < (excluded.epoch, excluded.version)
  RETURNING new.id, old.epoch::float8 AS epoch, old.version AS version`;

function rowOf(change: UserChange) {
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
  const { userId: id, epoch, version } = change;
  return { ...facts, id, epoch, version, deleted: 'deletedUsername' in change };
}

/** Whether one is later than the other. */
export function isLater(one: UserVersion, other: UserVersion): boolean {
  return one.epoch > other.epoch || (one.epoch === other.epoch && one.version > other.version);
}

/** An event of a user, by which what follows from it is done once. */
export type UserEvent = UserVersion & { readonly userId: string; readonly eventId: string };

/**
 * Of which events what follows is still to be done; those are taken as done with this transaction. An event of which the
 * facts are known already counts, and one that comes again under a later epoch does not. One event a user.
 */
export async function takeUpEvents<Event extends UserEvent>(sql: Sql, events: readonly Event[]): Promise<Event[]> {
  if (events.length === 0) return [];
  const { rows } = await sql.query<{ id: string }>(
    `UPDATE users SET applied_epoch = told.epoch, applied_version = told.version, applied_event = told.event
     FROM unnest($1::uuid[], $2::bigint[], $3::int[], $4::uuid[]) AS told(id, epoch, version, event)
     WHERE users.id = told.id AND (applied_epoch, applied_version) < (told.epoch, told.version)
       AND applied_event IS DISTINCT FROM told.event RETURNING users.id`,
    [
      events.map(({ userId }) => userId),
      events.map(({ epoch }) => epoch),
      events.map(({ version }) => version),
      events.map(({ eventId }) => eventId),
    ],
  );
  const taken = new Set(rows.map(({ id }) => id));
  return events.filter(({ userId }) => taken.has(userId));
}
