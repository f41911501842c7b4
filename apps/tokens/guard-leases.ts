import type { Heartbeat } from '@tokenlog/contracts/guard/heartbeat.js';
import { LEASE_MS } from '@tokenlog/contracts/guard/heartbeat.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import type { Pool } from 'pg';
import { barName, mayBegin } from './guard-standing.js';
import type { Turns } from './turns.js';

/** Clocks of the same rate within a hundredth may differ by this much over a lease; the rest is rounding. */
const MARGIN_MS = 50;
/** How long a guard that is gone stays in the list. */
const FORGET_AFTER = '1 hour';

/** Live leases that guards of one name may hold: a service's replicas. */
const LEASES_PER_NAME = 50;
/** … and all those that share a NATS user. */
const LEASES_SHARED = 100;

/** A guard as operators see it. */
export interface GuardRow {
  readonly guard: string;
  /** Null: it shares its NATS user. */
  readonly name: string | null;
  readonly service: string;
  readonly version: string;
  readonly entries: number;
  readonly hits: number;
  readonly misses: number;
  readonly expiresAt: Date | string;
  readonly live: boolean;
}

/** Who holds a lease, and who acknowledges: the two must be the same. */
export interface LeaseHolder {
  readonly guard: string;
  /** What its NATS user may call it. */
  readonly name: string | null;
}

/** Why no lease is given. */
export type LeaseRefusal = 'fenced' | 'another-name' | 'too-many' | 'barred';

/**
 * Grants a lease, or more of it, on the database's time: all replicas see the same leases. It never ends before the guard
 * thinks it does, who reckons from when it sent the heartbeat.
 * @returns why not, or null when it is granted
 */
export async function grantLease(
  pool: Pool,
  turns: Turns,
  beat: Heartbeat,
  name: string | null,
): Promise<LeaseRefusal | null> {
  const { rows } = await pool.query(
    `UPDATE guard_leases SET entries = $3, hits = $4, misses = $5,
       expires_at = clock_timestamp() + make_interval(secs => $6::float8 / 1000)
     WHERE guard = $1 AND name IS NOT DISTINCT FROM $2 AND NOT fenced RETURNING guard`,
    [beat.guard, name, beat.entries, beat.hits, beat.misses, lasts(beat)],
  );
  if (rows.length > 0) return null;
  // Of each name one: those who make up guards must not take the connections of all others.
  const begun = await turns.take(name ?? '', async () => ({ refused: await inTransaction(pool, beat, name) }));
  return begun === null ? 'too-many' : begun.refused;
}

async function inTransaction(pool: Pool, beat: Heartbeat, name: string | null): Promise<LeaseRefusal | null> {
  const client = await pool.connect();
  let broken = true;
  try {
    await client.query('BEGIN');
    const refused = await beginLease(client, beat, name);
    await client.query('COMMIT');
    broken = false;
    return refused;
  } finally {
    // A connection that failed within its transaction does not go back to the pool.
    client.release(broken);
  }
}

/** A guard's first lease, if there is room for it. One at a time for each name, so that they can be counted. */
async function beginLease(sql: Sql, beat: Heartbeat, name: string | null): Promise<LeaseRefusal | null> {
  const isOpen = await mayBegin(sql, name);
  const known = await sql.query<{ fenced: boolean; ours: boolean }>(
    'SELECT fenced, name IS NOT DISTINCT FROM $2 AS ours FROM guard_leases WHERE guard = $1',
    [beat.guard, name],
  );
  if (known.rows[0] && !known.rows[0].ours) return 'another-name';
  if (known.rows[0]?.fenced) return 'fenced';
  if (!isOpen) return 'barred';
  const most = name === null ? LEASES_SHARED : LEASES_PER_NAME;
  const { rows } = await sql.query<{ live: number }>(
    'SELECT count(*)::int AS live FROM guard_leases WHERE name IS NOT DISTINCT FROM $1 AND expires_at > clock_timestamp()',
    [name],
  );
  if ((rows[0]?.live ?? 0) >= most) return 'too-many';
  await sql.query(
    `INSERT INTO guard_leases (guard, name, service, version, entries, hits, misses, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp() + make_interval(secs => $8::float8 / 1000))`,
    [beat.guard, name, name ?? beat.service, beat.version, beat.entries, beat.hits, beat.misses, lasts(beat)],
  );
  // Guards that come and go all the time must not fill the table within the hour.
  await sql.query(
    `DELETE FROM guard_leases WHERE guard IN (
       SELECT guard FROM guard_leases WHERE name IS NOT DISTINCT FROM $1 AND expires_at < statement_timestamp()
       ORDER BY expires_at DESC, guard OFFSET $2)`,
    [name, most],
  );
  return null;
}

function lasts({ leaving }: Heartbeat): number {
  return leaving ? 0 : LEASE_MS + MARGIN_MS;
}

/** Those of these guards, or of all, whose lease is live by the database's time. */
export async function liveLeases(sql: Sql, of?: readonly string[]): Promise<LeaseHolder[]> {
  const { rows } = await sql.query<LeaseHolder>(
    // The time before the snapshot, not after it: a renewal that commits in between must not look like a lease that ran out.
    `SELECT guard, name FROM guard_leases
     WHERE expires_at > statement_timestamp() AND ($1::uuid[] IS NULL OR guard = ANY($1))`,
    [of ?? null],
  );
  return rows;
}

/**
 * Renews these leases no more: a guard that does not acknowledge must not keep a revocation waiting for ever. New ones of the
 * same name wait, so that it does not keep the next one waiting under another id.
 */
export async function fence(sql: Sql, guards: readonly string[]): Promise<void> {
  const { rows } = await sql.query<{ name: string | null }>(
    `UPDATE guard_leases SET fenced = true WHERE NOT fenced AND guard IN (
       SELECT guard FROM guard_leases WHERE guard = ANY($1) ORDER BY guard FOR UPDATE)
     RETURNING name`,
    [guards],
  );
  // Several at once are one fault.
  for (const name of new Set(rows.map((row) => row.name))) await barName(sql, name);
}

/** Forgets the guards that have been gone for an hour. */
export async function forgetDeadGuards(sql: Sql): Promise<void> {
  await sql.query(`DELETE FROM guard_leases WHERE expires_at < now() - interval '${FORGET_AFTER}'`);
}

/** The guards of the last hour, live ones first. */
export async function listGuards(sql: Sql): Promise<GuardRow[]> {
  const { rows } = await sql.query<GuardRow>(
    `SELECT guard, name, service, version, entries, hits::float8, misses::float8, expires_at AS "expiresAt",
       expires_at > clock_timestamp() AS live
     FROM guard_leases WHERE expires_at > now() - interval '${FORGET_AFTER}' ORDER BY live DESC, service, guard`,
  );
  return rows;
}
