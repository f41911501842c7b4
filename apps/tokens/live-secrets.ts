import type { Sql } from '@tokenlog/event-store/sql.js';

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
