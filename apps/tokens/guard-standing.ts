import { LEASE_MS } from '@tokenlog/contracts/guard/heartbeat.js';
import type { Sql } from '@tokenlog/event-store/sql.js';

/** How long new guards of a name wait after its first fault, once the lease that was not acknowledged under is over. */
const FIRST_BAR_MS = 10_000;
/** … and at most, after as many faults as one likes. */
const LONGEST_BAR_MS = 600_000;
/** A name whose bar has been over for so long is as good as new. */
const FORGIVEN_AFTER = '1 hour';

/** The row of all guards that share a NATS user. */
const SHARED = '';

/**
 * Whether a guard of this name that holds no lease may begin one. Until the transaction's end, others of its name wait.
 *
 * Those that hold one go on renewing it whatever another one did: where many services share a NATS user, one that does
 * not acknowledge must not take the others' memory away.
 */
export async function mayBegin(sql: Sql, name: string | null): Promise<boolean> {
  const { rows } = await sql.query<{ open: boolean }>(
    `INSERT INTO guard_standing (name, faults, barred_until) VALUES ($1, 0, '-infinity')
     ON CONFLICT (name) DO UPDATE SET name = excluded.name
     RETURNING barred_until <= clock_timestamp() AS open`,
    [name ?? SHARED],
  );
  return rows[0]?.open ?? false;
}

/** A guard of this name did not acknowledge. Each further time new ones wait twice as long. */
export async function barName(sql: Sql, name: string | null): Promise<void> {
  await sql.query(
    `INSERT INTO guard_standing AS s (name, faults, barred_until) VALUES ($1, 1, ${barredFor('0')})
     ON CONFLICT (name) DO UPDATE SET
       faults = CASE WHEN ${isForgiven('s')} THEN 1 ELSE s.faults + 1 END,
       barred_until = CASE WHEN ${isForgiven('s')} THEN ${barredFor('0')} ELSE ${barredFor('s.faults')} END`,
    [name ?? SHARED],
  );
}

/** Rows that say nothing any more. */
export async function forgetStandings(sql: Sql): Promise<void> {
  await sql.query(`DELETE FROM guard_standing AS s WHERE ${isForgiven('s')}`);
}

function isForgiven(row: string): string {
  return `${row}.barred_until < now() - interval '${FORGIVEN_AFTER}'`;
}

/** From the end of the lease that was fenced: while it lasts, nothing would be gained. `faults`: those before. */
function barredFor(faults: string): string {
  const milliseconds = `${LEASE_MS} + least(${LONGEST_BAR_MS}, ${FIRST_BAR_MS} * power(2, least(${faults}, 20)))`;
  return `clock_timestamp() + make_interval(secs => (${milliseconds}) / 1000.0)`;
}
