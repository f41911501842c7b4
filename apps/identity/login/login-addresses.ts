import { networkOf } from '@tokenlog/contracts/address.js';
import type { Pool } from 'pg';

/** The most places that are remembered of one account; the one that was used the longest time ago makes room. */
const PLACES = 100;

/**
 * Where accounts have shown their password before: addresses, IPv6 by its /64. Personal data: they stand beside the users, and
 * go with them.
 */
export class LoginAddresses {
  constructor(private readonly pool: Pool) {}

  /** @param userId null for an account that does not exist: the same work, and no */
  async knows(userId: string | null, ip: string): Promise<boolean> {
    const { rows } = await this.pool.query('SELECT FROM login_addresses WHERE user_id = $1 AND network = $2', [
      userId,
      networkOf(ip),
    ]);
    return rows.length > 0;
  }

  /** Does nothing for a user who is gone. */
  async remember(userId: string, ip: string): Promise<void> {
    const { rows } = await this.pool.query(
      `INSERT INTO login_addresses (user_id, network, last_at)
       SELECT id, $2, now() FROM users WHERE id = $1 FOR KEY SHARE
       ON CONFLICT (user_id, network) DO UPDATE SET last_at = excluded.last_at
         WHERE login_addresses.last_at < excluded.last_at - interval '1 day'
       RETURNING user_id`,
      [userId, networkOf(ip)],
    );
    if (rows.length === 0) return;
    await this.pool.query(
      `DELETE FROM login_addresses WHERE user_id = $1 AND network IN (
         SELECT network FROM login_addresses WHERE user_id = $1 ORDER BY last_at DESC, network OFFSET ${PLACES}
       )`,
      [userId],
    );
  }
}
