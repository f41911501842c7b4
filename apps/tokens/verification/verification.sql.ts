import { foldedSql } from '@tokenlog/event-store/folded.sql.js';
import { isLiveSecret } from '../secret/live-secrets.js';

const HASH_BYTES = 32;

/**
 * Settings of the connections that verify. The statement is planned once, and the plan is kept: made while the tables are
 * small, it must not read them whole when they have grown.
 */
export const VERIFIER_SETTINGS = { plan_cache_mode: 'force_generic_plan', enable_seqscan: 'off' };

/**
 * One statement verifies a whole batch: look up, decide, append the uses, move the counts, return. It takes the snapshot
 * of its start: a revocation that was answered before a verification was sent is seen by it.
 *
 * Parameters, one entry a question; the same one asked many times in a batch is one: $1 number in the batch, $2 id of a
 * token or session, $3 scopes asked for (comma-separated, null: none asked), $4 service, $5 address, $6 and $7 when it
 * arrived first and last (RFC 3339, as the event has it), $8 how often, $9 the keyed hashes that its secret would have under each pepper, one behind
 * the other, $10 the account name that was presented with it (null: none). Then the policy: $11 owner roles (null: any), $12
 * whether admins may hold tokens, $13 scopes that may be given (null: any). Then $14 the roles asked for, as the scopes in $3; and
 * $15 the names of the peppers that are known here; and $16 the stream of uses, $17 its version so far, $18 its period. Then $19 until
 * when to decide, by the database's clock: what comes later, held up on its way, is `late`, and counts nothing.
 *
 * A live secret under a pepper that is not known here can be neither proved nor refused: `pepper-unknown`, whatever was presented.
 *
 * The order of the reasons is from what the holder should learn first. Without a hash that matches it is `unknown`,
 * whatever else is true; the work is the same for an id that does not exist. Every row is found by a primary key, which each `LIMIT` sees to
 * (a join could be planned as a scan): no step compares the batch with itself. Counts are locked in the order of token ids, so that batches of two services cannot
 * deadlock.
 */
export const VERIFY_BATCH = `
WITH facts AS (
  SELECT asked.n, string_to_array(asked.scopes, ',') AS scopes,
    string_to_array(asked.roles, ',') AS wanted_roles, asked.service, asked.ip, asked.first_at, asked.last_at, asked.count,
    ${foldedSql('asked.presented_as')} AS presented_as, proved.generation AS proved_generation, proved.pepper,
    hidden.generations AS hidden_generations, hidden.peppers AS hidden_peppers,
    s.id AS session_id, s.token_id AS session_token, s.expires_at AS session_expires_at,
    s.ended_at IS NOT NULL OR s.expires_at < statement_timestamp() AS session_over,
    -- The secret of the token that this stands on: the one that was proved, or the one that started the session.
    CASE WHEN s.id IS NULL THEN proved.generation ELSE coalesce(s.secret_generation, t.secret_generation) END AS generation,
    t.id AS token_id, t.description, t.scopes AS token_scopes, t.status, t.expires_at, t.secret_generation,
    u.id AS user_id, u.username, u.roles, u.disabled, u.deleted, u.must_change_password,
    u.roles @> '{admin}' AS is_admin
  FROM unnest($1::int[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int[], $9::bytea[],
    $10::text[], $14::text[]) AS asked(n, id, scopes, service, ip, first_at, last_at, count, hashes, presented_as, roles)
  LEFT JOIN LATERAL (
    SELECT generation, pepper FROM secrets
    WHERE owner = asked.id AND position(hash IN asked.hashes) % ${HASH_BYTES} = 1 LIMIT 1
  ) AS proved ON true
  LEFT JOIN LATERAL (
    SELECT array_agg(generation) AS generations, array_agg(DISTINCT secrets.pepper) AS peppers FROM secrets
    WHERE proved.generation IS NULL AND owner = asked.id AND secrets.pepper <> ALL ($15::text[])
  ) AS hidden ON true
  LEFT JOIN LATERAL (SELECT * FROM sessions WHERE id = asked.id LIMIT 1) AS s ON true
  LEFT JOIN LATERAL (SELECT * FROM tokens WHERE id = coalesce(s.token_id, asked.id) LIMIT 1) AS t ON true
  LEFT JOIN LATERAL (SELECT * FROM users WHERE id = coalesce(t.user_id, s.user_id) LIMIT 1) AS u ON true
),
entitled AS (
  SELECT facts.*,
    -- Of a secret that was replaced; looked up for those alone.
    CASE WHEN generation <> secret_generation THEN (
      SELECT ends_at FROM secret_graces WHERE secret_graces.token_id = facts.token_id
        AND secret_graces.generation = facts.generation LIMIT 1
    ) END AS grace_ends_at,
    CASE WHEN token_id IS NULL THEN '{*}'
      WHEN is_admin THEN token_scopes
      ELSE array_remove(array_remove(token_scopes, 'admin'), 'introspect') END AS granted
  FROM facts
),
decided AS (
  SELECT entitled.*,
    CASE
      WHEN clock_timestamp() > $19::timestamptz THEN 'late'
      WHEN hidden_generations IS NOT NULL AND CASE
        WHEN session_id IS NOT NULL THEN NOT session_over AND (token_id IS NULL OR status = 'active')
        ELSE ${isLiveSecret('entitled.token_id', (generation) => `${generation} = ANY (hidden_generations)`)}
        END THEN 'pepper-unknown'
      WHEN proved_generation IS NULL THEN 'unknown'
      WHEN token_id IS NULL AND session_id IS NULL THEN 'unknown'
      WHEN presented_as IS NOT NULL AND presented_as <> ${foldedSql('username')} THEN 'unknown'
      WHEN session_id IS NOT NULL AND session_over THEN 'session-ended'
      WHEN status = 'deleted' THEN 'deleted'
      WHEN generation <> secret_generation AND (statement_timestamp() <= grace_ends_at) IS NOT TRUE
        THEN CASE WHEN session_id IS NULL THEN 'superseded' ELSE 'session-ended' END
      WHEN status = 'revoked' THEN 'revoked'
      WHEN status = 'invalid' OR user_id IS NULL OR deleted THEN 'invalid'
      WHEN expires_at < statement_timestamp() THEN 'expired'
      WHEN disabled THEN 'user-disabled'
      WHEN token_id IS NOT NULL AND NOT (($11::text[] IS NULL OR roles && $11::text[]) AND ($12::boolean OR NOT is_admin)) THEN 'role-lost'
      WHEN token_id IS NOT NULL AND NOT scopes && granted THEN 'scope'
      WHEN token_id IS NULL AND scopes IS NOT NULL AND NOT EXISTS (
        SELECT FROM unnest(scopes) AS wanted
        WHERE CASE WHEN wanted IN ('admin', 'introspect') THEN is_admin
          ELSE wanted = 'tokens' OR $13::text[] IS NULL OR wanted = ANY ($13::text[]) END
      ) THEN 'scope'
      -- Whoever must change the password is to hear of that first, from the guard.
      WHEN NOT wanted_roles && roles AND (session_id IS NULL OR NOT must_change_password) THEN 'role'
    END AS reason
  FROM entitled
),
uses AS (
  SELECT token_id, user_id, username, min(n) AS n, sum(count) AS count, min(first_at COLLATE "C") AS first_at,
    max(last_at COLLATE "C") AS last_at,
    jsonb_agg(jsonb_build_object('service', service, 'ip', ip, 'count', count)) AS breakdown
  FROM decided WHERE reason IS NULL AND session_id IS NULL
  GROUP BY token_id, user_id, username
),
counted AS (
  INSERT INTO token_usage (token_id, use_count, last_used_at)
  SELECT token_id, count, last_at::timestamptz FROM uses ORDER BY token_id
  ON CONFLICT (token_id) DO UPDATE SET use_count = token_usage.use_count + excluded.use_count,
    last_used_at = greatest(token_usage.last_used_at, excluded.last_used_at)
),
appended AS (
  INSERT INTO events (stream, version, type, entity, data, metadata, period)
  SELECT $16::text, $17::int + 1 + n, 'token-used', token_id,
    jsonb_build_object('count', count, 'firstAt', first_at, 'lastAt', last_at, 'breakdown', breakdown),
    jsonb_build_object('by', jsonb_build_object('kind', 'user', 'id', user_id, 'username', username)), $18::date
  FROM uses
)
SELECT n, reason, proved_generation AS generation, pepper, hidden_peppers AS "hiddenPeppers", session_id AS "sessionId", session_token AS "sessionToken",
  session_expires_at AS "sessionExpiresAt", token_id AS "tokenId", description, expires_at AS "expiresAt", granted,
  coalesce(generation, secret_generation) AS "secretGeneration",
  user_id AS "userId", username, roles, must_change_password AS "mustChangePassword",
  statement_timestamp() AS "checkedAt",
  least(expires_at, session_expires_at, grace_ends_at) AS "validUntil"
FROM decided`;

/**
 * Notes in the histories of tokens that their credentials were refused: the first time, and then once a minute at most for
 * each token and reason, so that who goes on with a dead one does not fill the log.
 *
 * Parameters, one entry for each token and reason: $1 id of the token, $2 reason, $3 service, $4 address. Then $5 the stream
 * of uses, $6 its version so far, $7 its period.
 */
export const NOTE_REFUSALS = `
WITH noted AS (
  INSERT INTO token_refusals (token_id, reason, recorded_at)
  SELECT token_id, reason, statement_timestamp() FROM unnest($1::uuid[], $2::text[]) AS refused(token_id, reason)
  ORDER BY token_id, reason
  ON CONFLICT (token_id, reason) DO UPDATE SET recorded_at = excluded.recorded_at
  WHERE token_refusals.recorded_at < excluded.recorded_at - interval '1 minute'
  RETURNING token_id, reason
)
INSERT INTO events (stream, version, type, entity, data, metadata, period)
SELECT $5::text, $6::int + n, 'token-refused', token_id,
  CASE reason WHEN 'role' THEN '{"reason":"scope","missing":"role"}' ELSE jsonb_build_object('reason', reason) END
    || jsonb_build_object('service', service, 'ip', ip), '{"by":{"kind":"system"}}', $7::date
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS refused(token_id, reason, service, ip, n)
JOIN noted USING (token_id, reason)`;

/** A row of what `VERIFY_BATCH` returns. */
export interface DecidedRow {
  readonly n: number;
  readonly reason: string | null;
  readonly generation: number | null;
  readonly pepper: string | null;
  /** Those of secrets of the same owner that are not known here, where none was proved. */
  readonly hiddenPeppers: string[] | null;
  readonly sessionId: string | null;
  readonly sessionToken: string | null;
  readonly sessionExpiresAt: Date;
  readonly tokenId: string | null;
  readonly description: string;
  readonly expiresAt: Date | null;
  readonly granted: string[];
  readonly secretGeneration: number;
  readonly userId: string;
  readonly username: string;
  readonly roles: string[];
  readonly mustChangePassword: boolean;
  readonly checkedAt: Date;
  readonly validUntil: Date | null;
}
