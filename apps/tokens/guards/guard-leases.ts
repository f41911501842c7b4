import type { Heartbeat } from '@tokenlog/contracts/guard/heartbeat.js';
import { LEASE_MS } from '@tokenlog/contracts/guard/heartbeat.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import type { Pool } from 'pg';
import type { Turns } from '../verification/turns.js';
import { isBarred, mustProve, noteFault, takeStanding } from './guard-standing.js';

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

/** A lease and whose it is: an acknowledgement under another name is another guard's. */
export function keyOf({ guard, name }: LeaseHolder): string {
  return `${name ?? ''}/${guard}`;
}

/** Why no lease is given. */
export type LeaseRefusal = 'fenced' | 'another-name' | 'too-many' | 'unproven' | 'barred';

/** What `grantLease` goes by, beside the heartbeat. */
export interface LeaseOffice {
  readonly pool: Pool;
  readonly turns: Turns;
  /** Whether this guard acknowledges an invalidation that it is told now. */
  readonly acknowledges: (holder: LeaseHolder) => Promise<boolean>;
}

/**
 * Grants a lease, or more of it, on the database's time: all replicas see the same leases. It never ends before the guard
 * thinks it does, who reckons from when it sent the heartbeat.
 *
 * Where a guard of the same name did not acknowledge, only those get one that have shown that they do: made-up ones, under
 * however many ids, keep no second revocation waiting, and no honest one loses anything.
 * @returns why not, or null when it is granted
 */
export async function grantLease(
  { pool, turns, acknowledges }: LeaseOffice,
  beat: Heartbeat,
  name: string | null,
): Promise<LeaseRefusal | null> {
  if (await renewLease(pool, beat, name, false)) return null;
  const holder = { guard: beat.guard, name };
  const { proving, refused } = await lookUp(pool, holder);
  // Who has no lease has none to give back.
  if (refused !== null || beat.leaving) return refused;
  const proven = proving && (await acknowledges(holder));
  if (proving && !proven) return 'unproven';
  if (proven && (await renewLease(pool, beat, name, true))) return null;
  // Of each name one: those who make up guards must not take the connections of all others.
  const begun = await turns.take(name ?? '', async () => ({ refused: await inTransaction(pool, beat, name, proven) }));
  return begun === null ? 'too-many' : begun.refused;
}

async function renewLease(sql: Sql, beat: Heartbeat, name: string | null, proven: boolean): Promise<boolean> {
  const { rows } = await sql.query(
    `UPDATE guard_leases AS l SET entries = $3, hits = $4, misses = $5, proven = l.proven OR $7,
       expires_at = clock_timestamp() + make_interval(secs => $6::float8 / 1000)
     WHERE guard = $1 AND name IS NOT DISTINCT FROM $2 AND NOT fenced
       AND (l.proven OR $7 OR $6 = 0 OR NOT ${mustProve('l.name')}) RETURNING guard`,
    [beat.guard, name, beat.entries, beat.hits, beat.misses, lasts(beat), proven],
  );
  return rows.length > 0;
}

/** Without a lock: whoever makes up guards must not keep those of a name waiting for each other. */
async function lookUp(
  sql: Sql,
  { guard, name }: LeaseHolder,
): Promise<{ proving: boolean; refused: LeaseRefusal | null }> {
  const { rows } = await sql.query<{ proving: boolean; refused: LeaseRefusal | null }>(
    `SELECT ${mustProve('$2::text')} AS proving,
       CASE WHEN l.name IS DISTINCT FROM $2 AND l.guard IS NOT NULL THEN 'another-name'
         WHEN l.fenced THEN 'fenced'
         WHEN l.guard IS NULL AND ${isBarred('$2::text')} THEN 'barred' END AS refused
     FROM (SELECT) AS once LEFT JOIN guard_leases l ON l.guard = $1`,
    [guard, name],
  );
  return rows[0] ?? { proving: true, refused: null };
}

async function inTransaction(
  pool: Pool,
  beat: Heartbeat,
  name: string | null,
  proven: boolean,
): Promise<LeaseRefusal | null> {
  const client = await pool.connect();
  let broken = true;
  try {
    await client.query('BEGIN');
    const refused = await beginLease(client, beat, name, proven);
    await client.query('COMMIT');
    broken = false;
    return refused;
  } finally {
    // A connection that failed within its transaction does not go back to the pool.
    client.release(broken);
  }
}

/** A guard's first lease, if there is room for it. One at a time for each name, so that they can be counted. */
async function beginLease(
  sql: Sql,
  beat: Heartbeat,
  name: string | null,
  proven: boolean,
): Promise<LeaseRefusal | null> {
  await takeStanding(sql, name);
  // A heartbeat that was sent twice: the first one has begun it.
  if (await renewLease(sql, beat, name, proven)) return null;
  const { proving, refused } = await lookUp(sql, { guard: beat.guard, name });
  if (refused !== null) return refused;
  if (proving && !proven) return 'unproven';
  const most = name === null ? LEASES_SHARED : LEASES_PER_NAME;
  const { rows } = await sql.query<{ live: number }>(
    'SELECT count(*)::int AS live FROM guard_leases WHERE name IS NOT DISTINCT FROM $1 AND expires_at > clock_timestamp()',
    [name],
  );
  if ((rows[0]?.live ?? 0) >= most) return 'too-many';
  const begun = await sql.query(
    `INSERT INTO guard_leases (guard, name, service, version, entries, hits, misses, proven, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp() + make_interval(secs => $9::float8 / 1000))
     ON CONFLICT DO NOTHING RETURNING guard`,
    [beat.guard, name, name ?? beat.service, beat.version, beat.entries, beat.hits, beat.misses, proven, lasts(beat)],
  );
  if (begun.rows.length === 0) return 'another-name';
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

/** How many leases have not run out: of guards that renew them, and of guards that may not. */
export async function countLeases(sql: Sql): Promise<{ readonly live: number; readonly fenced: number }> {
  const { rows } = await sql.query<{ live: number; fenced: number }>(
    `SELECT count(*) FILTER (WHERE NOT fenced)::int AS live, count(*) FILTER (WHERE fenced)::int AS fenced
     FROM guard_leases WHERE expires_at > statement_timestamp()`,
  );
  return rows[0] as { live: number; fenced: number };
}

/**
 * Renews these leases no more: a guard that does not acknowledge must not keep a revocation waiting for ever.
 * @param toldFor how long they have been told, in milliseconds; `null`: it is not known that they were
 */
export async function fence(sql: Sql, guards: readonly string[], toldFor: number | null): Promise<void> {
  const { rows } = await sql.query<{ name: string | null; renewed: boolean | null }>(
    `UPDATE guard_leases SET fenced = true WHERE NOT fenced AND guard IN (
       SELECT guard FROM guard_leases WHERE guard = ANY($1) ORDER BY guard FOR UPDATE)
     RETURNING name, expires_at > clock_timestamp() + make_interval(secs => ($3::float8 - $2::float8) / 1000) AS renewed`,
    [guards, toldFor, LEASE_MS + MARGIN_MS],
  );
  // One that was gone before it could hear of it did nothing wrong. Several at once are one fault.
  const names = rows.filter(({ renewed }) => renewed).map(({ name }) => name);
  for (const name of new Set(names)) await noteFault(sql, name);
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
