import type { Sql } from '@tokenlog/event-store/sql.js';

/**
 * SQL: whether a token's secret is live, of those whose generation is as told: the token's current one, or one in its grace. It
 * stands where the columns of the token are `status`, `expires_at` and `secret_generation`.
 * @param tokenId an expression
 * @param isMeant a condition for an expression of a generation
 */
export function isLiveSecret(tokenId: string, isMeant: (generation: string) => string): string {
  return `status = 'active' AND (expires_at < statement_timestamp()) IS NOT TRUE AND (
    ${isMeant('secret_generation')} OR EXISTS (
      SELECT FROM secret_graces WHERE secret_graces.token_id = ${tokenId}
        AND ${isMeant('secret_graces.generation')} AND statement_timestamp() <= ends_at
    ))`;
}

/** How many live secrets are under a key. */
export interface LiveCount {
  readonly pepper: string;
  readonly tokens: number;
  readonly sessions: number;
}

/**
 * Counts the live secrets under other keys than these: what a verification could accept, now or once its user is enabled
 * again. A secret that was replaced, or whose token or session is over, is kept under its key for ever, and is none.
 *
 * It goes from what is live to its secrets, which are many more.
 */
export async function countLiveSecrets(sql: Sql, known: readonly string[]): Promise<LiveCount[]> {
  const { rows } = await sql.query<LiveCount>(
    `WITH live_tokens AS (
       SELECT id, secret_generation FROM tokens
       WHERE status = 'active' AND (expires_at IS NULL OR expires_at >= statement_timestamp())
     ),
     live AS (
       SELECT id AS owner, secret_generation AS generation, 'token' AS kind FROM live_tokens
       UNION ALL
       SELECT id, generation, 'token' FROM live_tokens JOIN secret_graces ON token_id = id
       WHERE ends_at >= statement_timestamp() AND generation <> secret_generation
       UNION ALL
       SELECT id, 1, 'session' FROM sessions WHERE ended_at IS NULL AND expires_at >= statement_timestamp()
     )
     SELECT pepper, (count(*) FILTER (WHERE kind = 'token'))::int AS tokens,
       (count(*) FILTER (WHERE kind = 'session'))::int AS sessions
     FROM live JOIN secrets USING (owner, generation)
     WHERE pepper <> ALL($1) GROUP BY pepper ORDER BY pepper`,
    [known],
  );
  return rows;
}
