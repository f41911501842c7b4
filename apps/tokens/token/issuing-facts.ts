import type { Sql } from '@tokenlog/event-store/sql.js';
import type { Policy } from '../config/policy.js';
import { holdUser } from '../user/users.js';
import type { IssuingFacts } from './issuing-rules.js';

/**
 * What `issue` decides a change on. Owner and token are held until the transaction ends and, where the policy limits how many tokens
 * one may have, whatever else makes one of the owner's tokens work waits: nobody else counts meanwhile.
 * @param tokenId of the token that is changed; null: a new one
 */
export async function issuingFacts(
  sql: Sql,
  ownerId: string,
  tokenId: string | null,
  policy: Policy,
): Promise<IssuingFacts> {
  const owner = await holdUser(sql, ownerId);
  // Before the events are appended: who appends first and then waits for the row would be waited for in a circle.
  if (tokenId !== null) await sql.query('SELECT FROM tokens WHERE id = $1 FOR UPDATE', [tokenId]);
  if (policy.maxTokensPerUser !== null) {
    await sql.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [ownerId]);
  }
  // By the database's clock, as at verification.
  const { rows } = await sql.query<{ now: string | Date; live: number }>(
    `SELECT clock_timestamp() AS now, (SELECT count(*)::int FROM tokens
       WHERE user_id = $1 AND status = 'active' AND (expires_at IS NULL OR expires_at >= clock_timestamp())
         AND id IS DISTINCT FROM $2::uuid) AS live`,
    [ownerId, tokenId],
  );
  const [{ now, live }] = rows as [(typeof rows)[number]];
  return { owner, liveTokens: live, policy, now: new Date(now) };
}
