import type { Pool, PoolClient } from 'pg';

/**
 * Does what one process at a time may do: under an advisory lock, on a connection of its own, which a process that has lost
 * the lock can no longer use. A connection that may still hold the lock does not go back to the pool.
 * @param name within the schema
 * @returns false, and nothing done, where another process is at it
 */
export async function asOneProcess(
  pool: Pool,
  name: string,
  work: (client: PoolClient) => Promise<void>,
): Promise<boolean> {
  const client = await pool.connect();
  let broken = false;
  const onError = () => {
    broken = true;
  };
  client.on('error', onError);
  try {
    const key = `hashtextextended(current_schema() || '.' || $1, 0)`;
    const { rows } = await client.query(`SELECT pg_try_advisory_lock(${key}) AS locked`, [name]);
    if (!rows[0].locked) return false;
    try {
      await work(client);
    } finally {
      if (!broken) await client.query(`SELECT pg_advisory_unlock(${key})`, [name]).catch(onError);
    }
    return true;
  } catch (error) {
    broken ||= (error as { code?: string }).code === undefined;
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}
