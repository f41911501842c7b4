import { LEASE_MS } from '@tokenlog/contracts/guard/heartbeat.js';
import type { Sql } from '@tokenlog/event-store/sql.js';

/**
 * After how many faults new guards of a name wait. Until then they only have to show that they acknowledge: a network that
 * lets through what a guard says and not what it is told makes honest ones look the same.
 */
const FAULTS_BEFORE_BAR = 2;
/** … where many services share a NATS user, and each is at the others' mercy. */
const FAULTS_BEFORE_SHARED_BAR = 4;
/** How long they wait at first, once the lease that was not acknowledged under is over. */
const FIRST_BAR_MS = 10_000;
/** … and at most, after as many faults as one likes. */
const LONGEST_BAR_MS = 600_000;
/** A name whose last fault, or its bar, has been over for so long is as good as new. */
const FORGIVEN_AFTER = '1 hour';

/** The row of all guards that share a NATS user. */
const SHARED = '';

/** Until the transaction's end others of this name wait. */
export async function takeStanding(sql: Sql, name: string | null): Promise<void> {
  await sql.query(
    `INSERT INTO guard_standing (name, faults, barred_until) VALUES ($1, 0, '-infinity')
     ON CONFLICT (name) DO UPDATE SET name = excluded.name`,
    [name ?? SHARED],
  );
}

/** SQL: whether guards of the name (an expression) are to show that they acknowledge, before they get more of a lease. */
export function mustProve(name: string): string {
  return `EXISTS (SELECT FROM guard_standing AS s WHERE s.name = coalesce(${name}, '${SHARED}') AND ${isSuspect('s')})`;
}

/** SQL: whether new guards of the name have to wait. Those that hold a lease go on, whatever another one did. */
export function isBarred(name: string): string {
  return `EXISTS (SELECT FROM guard_standing AS s
    WHERE s.name = coalesce(${name}, '${SHARED}') AND s.faults > 0 AND s.barred_until > clock_timestamp())`;
}

/**
 * A guard of this name went on renewing its lease and did not acknowledge. From now on its guards must show that they do;
 * after some faults new ones wait, each further time twice as long.
 */
export async function noteFault(sql: Sql, name: string | null): Promise<void> {
  const free = name === null ? FAULTS_BEFORE_SHARED_BAR : FAULTS_BEFORE_BAR;
  await sql.query(
    `INSERT INTO guard_standing AS s (name, faults, barred_until) VALUES ($1, 1, clock_timestamp())
     ON CONFLICT (name) DO UPDATE SET
       faults = CASE WHEN ${isSuspect('s')} THEN s.faults + 1 ELSE 1 END,
       barred_until = CASE WHEN ${isSuspect('s')} AND s.faults >= $2 THEN ${barredFor('s.faults - $2')} ELSE clock_timestamp() END`,
    [name ?? SHARED, free],
  );
}

/** Rows that say nothing any more. */
export async function forgetStandings(sql: Sql): Promise<void> {
  await sql.query(`DELETE FROM guard_standing AS s WHERE NOT (${isSuspect('s')})`);
}

function isSuspect(row: string): string {
  return `${row}.faults > 0 AND ${row}.barred_until > clock_timestamp() - interval '${FORGIVEN_AFTER}'`;
}

/** From the end of the lease that was fenced: while it lasts, nothing would be gained. `times`: it was barred before. */
function barredFor(times: string): string {
  const milliseconds = `${LEASE_MS} + least(${LONGEST_BAR_MS}, ${FIRST_BAR_MS} * power(2, least(${times}, 20)))`;
  return `clock_timestamp() + make_interval(secs => (${milliseconds}) / 1000.0)`;
}
