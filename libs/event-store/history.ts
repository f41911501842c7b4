import type { Sql } from './sql.js';

/**
 * Which history a log is: a database that was restored from a back-up goes on as another one than the world has seen. Later
 * epochs have larger numbers.
 */
export async function currentEpoch(sql: Sql): Promise<number> {
  const { rows } = await sql.query<{ epoch: number }>('SELECT max(epoch)::float8 AS epoch FROM history');
  return rows[0]?.epoch ?? 0;
}

/** Begins another epoch, later than `after` and than every one before, and says why. */
export async function beginEpoch(sql: Sql, after: number, reason: string): Promise<number> {
  const { rows } = await sql.query<{ epoch: number }>(
    `INSERT INTO history (epoch, reason)
     SELECT greatest((extract(epoch FROM clock_timestamp()) * 1000)::bigint, $1::bigint + 1, max(epoch) + 1), $2 FROM history
     RETURNING epoch::float8`,
    [after, reason],
  );
  return rows[0]?.epoch as number;
}
