import type { Sql } from '@tokenlog/event-store/sql.js';

/** A service that has not said for so long that it runs, does not. */
const GONE_AFTER = '15 seconds';
const FORGET_AFTER = '1 day';
/** What the connections of a token service from before this table are called. */
const OLDER_SERVICE = 'tokenlog-tokens';

/** A token service that runs, or did, and the names of the keys that it has, the one for new hashes first. */
export interface PepperHolder {
  readonly instance: string;
  readonly peppers: readonly string[];
  /** By the database's time. */
  readonly live: boolean;
  /** Another one with each renewal. */
  readonly renewed: string;
}

/** Says which keys a service has, on the database's time. */
export async function renewHolder(sql: Sql, instance: string, peppers: readonly string[]): Promise<void> {
  await sql.query(
    `WITH gone AS (DELETE FROM pepper_holders WHERE renewed_at < now() - interval '${FORGET_AFTER}')
     INSERT INTO pepper_holders (instance, peppers, renewed_at) VALUES ($1, $2, clock_timestamp())
     ON CONFLICT (instance) DO UPDATE SET renewed_at = excluded.renewed_at`,
    [instance, peppers],
  );
}

/**
 * The other token services, and, where one of an earlier version is connected, which says nothing, the key that it must have: the
 * one that the latest secret was made under.
 */
export async function readHolders(
  sql: Sql,
  except: string,
): Promise<{ holders: PepperHolder[]; older: readonly string[][] }> {
  const { rows: holders } = await sql.query<PepperHolder>(
    `SELECT instance, peppers, renewed_at > clock_timestamp() - interval '${GONE_AFTER}' AS live, renewed_at::text AS renewed
     FROM pepper_holders WHERE instance <> $1`,
    [except],
  );
  const { rows: older } = await sql.query<{ pepper: string }>(
    `SELECT pepper FROM (SELECT pepper FROM secrets ORDER BY owner DESC LIMIT 1) AS latest
     WHERE EXISTS (SELECT FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = '${OLDER_SERVICE}')`,
  );
  return { holders, older: older.map(({ pepper }) => [pepper]) };
}
