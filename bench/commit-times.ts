import pg from 'pg';
import { TOKENS_DATABASE } from '../apps/tokens/config/database-part.js';
import { monotonicNow } from './monotonic.js';

/** What PostgreSQL has to be set to for this. */
export const commitTimeSettings = { track_commit_timestamp: 'on' };

const CLOCK_READINGS = 20;

/** When tokens were revoked, by PostgreSQL's own record of its commits. */
export class CommitTimes {
  private constructor(private readonly client: pg.Client) {}

  static async connect(databaseUrl: string): Promise<CommitTimes> {
    const client = new pg.Client(databaseUrl);
    await client.connect();
    await client.query(`SET search_path = ${TOKENS_DATABASE.schema}`);
    return new CommitTimes(client);
  }

  /**
   * When the revocations of these tokens were committed, by `monotonicNow`, in the order of the tokens. Early rather than
   * late: PostgreSQL takes the time before it writes the commit to the disk, and its clock is reckoned to be as far ahead
   * as its answers allow.
   */
  async ofRevocations(tokens: readonly string[]): Promise<Float64Array> {
    const ahead = await this.clockIsAhead();
    const { rows } = await this.client.query<{ token: string; at: string }>(
      `SELECT entity AS token, extract(epoch FROM pg_xact_commit_timestamp(transaction_id::xid)) * 1000 AS at
       FROM events WHERE type = 'token-revoked' AND entity = ANY($1)`,
      [tokens],
    );
    const times = new Map(rows.map(({ token, at }) => [token, Number(at) - ahead]));
    return Float64Array.from(tokens, (token) => times.get(token) ?? Number.NaN);
  }

  end(): Promise<void> {
    return this.client.end();
  }

  /** By how much, at most, the clock of PostgreSQL shows more than the monotonic one, in ms. */
  private async clockIsAhead(): Promise<number> {
    let least = Number.POSITIVE_INFINITY;
    for (let reading = 0; reading < CLOCK_READINGS; reading++) {
      const asked = monotonicNow();
      const { rows } = await this.client.query('SELECT extract(epoch FROM clock_timestamp()) * 1000 AS at');
      // Its clock was read after the question.
      least = Math.min(least, Number(rows[0].at) - asked);
    }
    return least;
  }
}
