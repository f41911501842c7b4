/** A time as the log's events carry it: RFC 3339 in UTC, to the millisecond. */
export const JSON_TIME = (time: string) => `to_char(${time} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/**
 * One statement verifies a whole batch: look up, decide, append the uses, move the counts, return. It takes the snapshot
 * of its start: a revocation that was answered before a verification was sent is seen by it.
 *
 * Parameters, one entry a verification: $1 number in the batch, $2 id of a token or session, $3 scopes asked for (comma-
 * separated, null: none asked), $4 service, $5 address, $6 when it arrived. One entry a candidate hash: $7 number in the
 * batch, $8 keyed hash, $9 id of its pepper. Then the policy: $10 owner roles (null: any), $11 whether admins may hold
 * tokens, $12 scopes that may be given (null: any); and $13 the stream of uses, $14 its version so far, $15 its period. $16, one entry a verification: the account name that was presented with it (null: none).
 *
 * The order of the reasons is from what the holder should learn first. Without a hash that matches it is `unknown`,
 * whatever else is true; the work is the same for an id that does not exist. Counts are locked in the order of token
 * ids, so that batches of two services cannot deadlock.
 */
export const VERIFY_BATCH = `
WITH asked AS (
  SELECT n, id, string_to_array(scopes, ',') AS scopes, service, ip, at, lower(presented_as) AS presented_as
  FROM unnest($1::int[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $16::text[])
    AS q(n, id, scopes, service, ip, at, presented_as)
),
proved AS (
  SELECT p.n, s.generation, s.pepper
  FROM unnest($7::int[], $8::bytea[], $9::text[]) AS p(n, hash, pepper)
  JOIN asked ON asked.n = p.n
  JOIN secrets s ON s.owner = asked.id AND s.hash = p.hash AND s.pepper = p.pepper
),
facts AS (
  SELECT asked.*, proved.generation, proved.pepper,
    s.id AS session_id, s.token_id AS session_token, s.expires_at AS session_expires_at,
    s.ended_at IS NOT NULL OR s.expires_at < statement_timestamp() AS session_over,
    t.id AS token_id, t.description, t.scopes AS token_scopes, t.status, t.expires_at, t.secret_generation,
    t.grace_generation, t.grace_ends_at,
    u.id AS user_id, u.username, u.roles, u.disabled, u.deleted, u.must_change_password,
    u.roles @> '{admin}' AS is_admin
  FROM asked
  LEFT JOIN proved ON proved.n = asked.n
  LEFT JOIN sessions s ON s.id = asked.id
  LEFT JOIN tokens t ON t.id = coalesce(s.token_id, asked.id)
  LEFT JOIN users u ON u.id = coalesce(t.user_id, s.user_id)
),
entitled AS (
  SELECT facts.*,
    CASE WHEN token_id IS NULL THEN '{*}'
      WHEN is_admin THEN token_scopes
      ELSE array_remove(array_remove(token_scopes, 'admin'), 'introspect') END AS granted
  FROM facts
),
decided AS (
  SELECT entitled.*,
    CASE
      WHEN generation IS NULL THEN 'unknown'
      WHEN token_id IS NULL AND session_id IS NULL THEN 'unknown'
      WHEN presented_as <> lower(username) THEN 'unknown'
      WHEN session_id IS NOT NULL AND session_over THEN 'session-ended'
      WHEN status = 'deleted' THEN 'deleted'
      WHEN session_id IS NULL AND generation <> secret_generation
        AND NOT (generation IS NOT DISTINCT FROM grace_generation AND statement_timestamp() <= grace_ends_at) THEN 'superseded'
      WHEN status = 'revoked' THEN 'revoked'
      WHEN status = 'invalid' OR user_id IS NULL OR deleted THEN 'invalid'
      WHEN expires_at < statement_timestamp() THEN 'expired'
      WHEN disabled THEN 'user-disabled'
      WHEN token_id IS NOT NULL AND NOT (($10::text[] IS NULL OR roles && $10::text[]) AND ($11::boolean OR NOT is_admin)) THEN 'role-lost'
      WHEN scopes IS NULL THEN NULL
      WHEN token_id IS NOT NULL AND NOT scopes && granted THEN 'scope'
      WHEN token_id IS NULL AND NOT EXISTS (
        SELECT FROM unnest(scopes) AS wanted
        WHERE CASE WHEN wanted IN ('admin', 'introspect') THEN is_admin
          ELSE wanted = 'tokens' OR $12::text[] IS NULL OR wanted = ANY ($12::text[]) END
      ) THEN 'scope'
    END AS reason
  FROM entitled
),
uses AS (
  SELECT token_id, user_id, username, sum(c)::bigint AS count, min(first_at) AS first_at, max(last_at) AS last_at,
    jsonb_agg(jsonb_build_object('service', service, 'ip', ip, 'count', c)) AS breakdown
  FROM (
    SELECT token_id, user_id, username, service, ip, count(*) AS c, min(at) AS first_at, max(at) AS last_at
    FROM decided WHERE reason IS NULL AND session_id IS NULL GROUP BY token_id, user_id, username, service, ip
  ) AS parts
  GROUP BY token_id, user_id, username
),
counted AS (
  INSERT INTO token_usage (token_id, use_count, last_used_at)
  SELECT token_id, count, last_at FROM uses ORDER BY token_id
  ON CONFLICT (token_id) DO UPDATE SET use_count = token_usage.use_count + excluded.use_count,
    last_used_at = greatest(token_usage.last_used_at, excluded.last_used_at)
),
refused AS (
  INSERT INTO token_refusals (token_id, reason, recorded_at)
  SELECT DISTINCT token_id, reason, statement_timestamp() FROM decided
  WHERE reason <> 'unknown' AND token_id IS NOT NULL AND session_id IS NULL ORDER BY token_id, reason
  ON CONFLICT (token_id, reason) DO UPDATE SET recorded_at = excluded.recorded_at
  WHERE token_refusals.recorded_at < excluded.recorded_at - interval '1 minute'
  RETURNING token_id, reason
),
noted AS (
  SELECT 'token-used' AS type, token_id, jsonb_build_object('count', count, 'firstAt', ${JSON_TIME('first_at')}, 'lastAt', ${JSON_TIME('last_at')},
    'breakdown', breakdown) AS data, jsonb_build_object('kind', 'user', 'id', user_id, 'username', username) AS by
  FROM uses
  UNION ALL
  SELECT 'token-refused', token_id, (
    SELECT jsonb_build_object('reason', refused.reason, 'service', d.service, 'ip', d.ip)
    FROM decided d WHERE d.token_id = refused.token_id AND d.reason = refused.reason LIMIT 1
  ), '{"kind":"system"}' FROM refused
),
appended AS (
  INSERT INTO events (stream, version, type, entity, data, metadata, period)
  SELECT $13::text, $14::int + row_number() OVER (), type, token_id, data, jsonb_build_object('by', by), $15::date FROM noted
)
SELECT n, reason, generation, pepper, session_id AS "sessionId", session_token AS "sessionToken",
  session_expires_at AS "sessionExpiresAt", token_id AS "tokenId", description, expires_at AS "expiresAt", granted,
  coalesce(CASE WHEN session_id IS NULL THEN generation END, secret_generation) AS "secretGeneration",
  user_id AS "userId", username, roles, must_change_password AS "mustChangePassword",
  statement_timestamp() AS "checkedAt",
  least(expires_at, session_expires_at, CASE WHEN session_id IS NULL AND generation <> secret_generation THEN grace_ends_at END)
    AS "validUntil"
FROM decided`;

/** A row of what `VERIFY_BATCH` returns. */
export interface DecidedRow {
  readonly n: number;
  readonly reason: string | null;
  readonly generation: number | null;
  readonly pepper: string | null;
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
