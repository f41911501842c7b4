import type { Heartbeat } from '@tokenlog/contracts/guard/heartbeat.js';
import { LEASE_MS } from '@tokenlog/contracts/guard/heartbeat.js';
import type { Sql } from '@tokenlog/event-store/sql.js';

/** Clocks of the same rate within a hundredth may differ by this much over a lease; the rest is rounding. */
const MARGIN_MS = 50;
/** How long a guard that is gone stays in the list. */
const FORGET_AFTER = '1 hour';

/** A guard as operators see it. */
export interface GuardRow {
  readonly guard: string;
  readonly service: string;
  readonly version: string;
  readonly entries: number;
  readonly hits: number;
  readonly misses: number;
  readonly expiresAt: Date | string;
  readonly live: boolean;
}

/**
 * Grants a lease, or more of it, on the database's time: all replicas see the same leases. It never ends before the guard
 * thinks it does, who reckons from when it sent the heartbeat.
 * @returns false for a guard that was fenced
 */
export async function grantLease(sql: Sql, beat: Heartbeat): Promise<boolean> {
  const { rows } = await sql.query(
    `INSERT INTO guard_leases (guard, service, version, entries, hits, misses, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp() + make_interval(secs => $7::float8 / 1000))
     ON CONFLICT (guard) DO UPDATE SET entries = excluded.entries, hits = excluded.hits, misses = excluded.misses,
       expires_at = excluded.expires_at
     WHERE NOT guard_leases.fenced RETURNING guard`,
    [
      beat.guard,
      beat.service,
      beat.version,
      beat.entries,
      beat.hits,
      beat.misses,
      beat.leaving ? 0 : LEASE_MS + MARGIN_MS,
    ],
  );
  return rows.length > 0;
}

/** Those of these guards, or of all, whose lease is live by the database's time. */
export async function liveLeases(sql: Sql, of?: readonly string[]): Promise<string[]> {
  const { rows } = await sql.query<{ guard: string }>(
    // The time before the snapshot, not after it: a renewal that commits in between must not look like a lease that ran out.
    'SELECT guard FROM guard_leases WHERE expires_at > statement_timestamp() AND ($1::uuid[] IS NULL OR guard = ANY($1))',
    [of ?? null],
  );
  return rows.map(({ guard }) => guard);
}

/** How many leases have not run out: of guards that renew them, and of guards that may not. */
export async function countLeases(sql: Sql): Promise<{ readonly live: number; readonly fenced: number }> {
  const { rows } = await sql.query<{ live: number; fenced: number }>(
    `SELECT count(*) FILTER (WHERE NOT fenced)::int AS live, count(*) FILTER (WHERE fenced)::int AS fenced
     FROM guard_leases WHERE expires_at > statement_timestamp()`,
  );
  return rows[0] as { live: number; fenced: number };
}

/** Renews these leases no more: a guard that does not acknowledge must not keep a revocation waiting for ever. */
export async function fence(sql: Sql, guards: readonly string[]): Promise<void> {
  await sql.query('UPDATE guard_leases SET fenced = true WHERE guard = ANY($1)', [guards]);
}

/** The guards of the last hour, live ones first. */
export async function listGuards(sql: Sql): Promise<GuardRow[]> {
  await sql.query(`DELETE FROM guard_leases WHERE expires_at < now() - interval '${FORGET_AFTER}'`);
  const { rows } = await sql.query<GuardRow>(
    `SELECT guard, service, version, entries, hits::float8, misses::float8, expires_at AS "expiresAt",
       expires_at > clock_timestamp() AS live
     FROM guard_leases ORDER BY live DESC, service, guard`,
  );
  return rows;
}
