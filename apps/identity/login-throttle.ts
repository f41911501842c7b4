import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import { RateLimiterMemory, RateLimiterPostgres, type RateLimiterRes } from 'rate-limiter-flexible';

/** Wrong passwords that are allowed in a window of 15 minutes. */
export interface LoginLimits {
  readonly perAccount: number;
  readonly perAddress: number;
}

const WINDOW_SECONDS = 15 * 60;

/**
 * Counts wrong passwords by account and by address, in the database, so that all instances share the counts. While the
 * database does not answer, each instance counts for itself. Right passwords don't count.
 */
export class LoginThrottle {
  private readonly account: RateLimiterPostgres;
  private readonly address: RateLimiterPostgres;

  constructor(pool: Pool, limits: LoginLimits) {
    this.account = limiter(pool, 'account', limits.perAccount);
    this.address = limiter(pool, 'address', limits.perAddress);
  }

  /** How many seconds to wait before another try, or null. */
  async retryAfter(username: string, ip: string | null): Promise<number | null> {
    const [account, address] = await Promise.all([
      this.account.get(accountKey(username)),
      ip === null ? null : this.address.get(ip),
    ]);
    const waits = [
      account && account.consumedPoints >= this.account.points ? seconds(account) : null,
      address && address.consumedPoints >= this.address.points ? seconds(address) : null,
    ].filter((wait) => wait !== null);
    return waits.length > 0 ? Math.max(...waits) : null;
  }

  /** Counts a wrong password. */
  async countWrong(username: string, ip: string | null): Promise<void> {
    await Promise.all([this.account.penalty(accountKey(username)), ip === null ? null : this.address.penalty(ip)]);
  }

  /** A right password: the account starts from nothing. The address does not, since it may be trying other accounts. */
  async forgetAccount(username: string): Promise<void> {
    await this.account.delete(accountKey(username));
  }
}

function limiter(pool: Pool, keyPrefix: string, points: number): RateLimiterPostgres {
  return new RateLimiterPostgres({
    storeClient: pool,
    storeType: 'pool',
    tableName: 'wrong_passwords',
    tableCreated: true,
    keyPrefix,
    points,
    duration: WINDOW_SECONDS,
    insuranceLimiter: new RateLimiterMemory({ keyPrefix, points, duration: WINDOW_SECONDS }),
  });
}

/** A digest: what people type into the wrong field must not stand in the database. */
function accountKey(username: string): string {
  return createHash('sha256').update(username.toLowerCase()).digest('base64url');
}

function seconds({ msBeforeNext }: RateLimiterRes): number {
  return Math.max(1, Math.ceil(msBeforeNext / 1000));
}
