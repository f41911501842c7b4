import { prove } from '@tokenlog/contracts/credential.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import type { Peppers } from './peppers.js';
import { keyedHash } from './secrets.js';
import type { StaticKeys } from './static-keys.js';

/** What a credential's text is the live secret of. */
export interface ProvedSecret {
  readonly kind: 'token' | 'session';
  readonly id: string;
}

/**
 * Whose current secret this is, or `null`: malformed, unknown, superseded, or of something that is over for good. An expired
 * token and one of a disabled user count: an edit could bring them back. Not a verification: no use, no refusal is recorded.
 * @throws Problem 503 `pepper-unknown` for what may be such a secret, under a key that is not here
 */
export async function provedSecret(
  sql: Sql,
  peppers: Peppers,
  staticKeys: StaticKeys,
  text: string,
): Promise<ProvedSecret | null> {
  const presented = prove(text);
  const proven = presented && staticKeys.owned(presented);
  if (!proven) return null;
  const { rows } = await sql.query<ProvedSecret & { pepper: string; isProved: boolean }>(
    `SELECT CASE WHEN s.id IS NULL THEN 'token' ELSE 'session' END AS kind, secrets.owner AS id, pepper,
       (hash, pepper) IN (SELECT * FROM unnest($2::bytea[], $3::text[])) AS "isProved"
     FROM secrets
     LEFT JOIN tokens t ON t.id = owner AND t.status = 'active' AND (generation = t.secret_generation
       OR EXISTS (SELECT FROM secret_graces g WHERE g.token_id = owner AND g.generation = secrets.generation
         AND statement_timestamp() <= g.ends_at))
     LEFT JOIN sessions s ON s.id = owner AND s.ended_at IS NULL
     WHERE owner = $1 AND coalesce(t.id, s.id) IS NOT NULL`,
    [proven.id, peppers.all.map((pepper) => keyedHash(pepper, proven.proof)), peppers.ids],
  );
  const proved = rows.find(({ isProved }) => isProved);
  if (proved) return { kind: proved.kind, id: proved.id };
  const hidden = rows.map(({ pepper }) => pepper).filter((id) => !peppers.ids.includes(id));
  if (hidden.length > 0) throw peppers.missing(hidden);
  return null;
}
