import { setTimeout as delay } from 'node:timers/promises';
import type { UserFacts } from '@tokenlog/contracts/identity/user-facts.js';
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
const CATCH_UP_MS = 2500;
const CATCH_UP_STEP_MS = 10;

/**
 * Resolves when identity's event `version` of a user has been applied here.
 * @throws Problem 503 `not-caught-up` when it has not in time
 */
export async function waitForUser(sql: Sql, id: string, version: number): Promise<void> {
  const deadline = Date.now() + CATCH_UP_MS;
  for (;;) {
    const { rows } = await sql.query('SELECT 1 FROM users WHERE id = $1 AND version >= $2', [id, version]);
    if (rows.length > 0) return;
    if (Date.now() > deadline) {
      throw new Problem(503, 'not-caught-up', 'The token service has not heard of this yet; try again.');
    }
    await delay(CATCH_UP_STEP_MS);
  }
}

/** The change that an identity event makes to what is known. */
export type UserChange =
  | { readonly userId: string; readonly version: number; readonly facts: UserFacts }
  | { readonly userId: string; readonly version: number; readonly deletedUsername: string };

/**
 * Takes over what an identity event says, unless it or a later one has been: events come at least once.
 * @returns whether it was news
 */
export async function learnUser(sql: Sql, change: UserChange): Promise<boolean> {
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
    `INSERT INTO users (id, version, deleted, username, kind, roles, disabled, has_password, must_change_password, has_logged_in)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     ON CONFLICT (id) DO UPDATE SET
       version = excluded.version, deleted = excluded.deleted, username = excluded.username, kind = excluded.kind,
       roles = excluded.roles, disabled = excluded.disabled, has_password = excluded.has_password,
       must_change_password = excluded.must_change_password, has_logged_in = excluded.has_logged_in
     WHERE users.version < excluded.version
     RETURNING id`,
    [
      change.userId,
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
