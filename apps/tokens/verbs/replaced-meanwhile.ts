import type { Sql } from '@tokenlog/event-store/sql.js';
import { Problem } from '@tokenlog/platform/problem.js';
import type { IssuingFacts } from '../token/issuing-rules.js';
import { type IssuedToken, Token } from '../token/token.js';
import type { Caller } from '../user/caller.js';

/** Which secret a token had when a command that replaces it was asked for; undefined: there is no such token. */
export async function secretWhenAsked(sql: Sql, tokenId: string): Promise<number | undefined> {
  const { rows } = await sql.query<{ secret_generation: number }>(
    'SELECT secret_generation FROM tokens WHERE id = $1',
    [tokenId],
  );
  return rows[0]?.secret_generation;
}

/** What others may have done to a token's secret since a command that replaces it was asked for. */
export interface Meanwhile {
  /** Which secret it had then; undefined: there was no such token. */
  readonly asked: number | undefined;
  /** Whether it was replaced since the caller's credential was verified. */
  readonly isReplaced: boolean;
  /** Whether that credential works, where it is a secret of this token. */
  readonly credentialWorks: boolean;
}

/** What a command is decided on that gives a token a new secret. */
export interface RenewalFacts extends IssuingFacts {
  readonly meanwhile: Meanwhile;
}

/**
 * Of those who ask at once for a new secret one gets it; the others would end it, and it is theirs to hear of that. "At
 * once": since the request was read, or since its credential was verified. Another change of the token meanwhile does not
 * matter.
 * @throws Problem 409 `refreshed-meanwhile`
 */
export function assertNotReplaced(token: IssuedToken, { asked, isReplaced, credentialWorks }: Meanwhile): void {
  if (asked === token.secretGeneration && !isReplaced && credentialWorks) return;
  throw new Problem(
    'refreshed-meanwhile',
    'Somebody else was given a new secret of this token at the same time: this one would end it. Ask again if you must.',
  );
}

/** Reads it once nobody else can change it: with the token held. */
export async function sinceAsked(
  sql: Sql,
  tokenId: string,
  { asked, now }: { readonly asked: number | undefined; readonly now: number },
  caller: Caller,
): Promise<Meanwhile> {
  const { verifiedAt } = caller;
  const isReplaced = verifiedAt !== undefined && (await wasReplacedSince(sql, tokenId, verifiedAt));
  return { asked, isReplaced, credentialWorks: await provedWhatWorks(sql, tokenId, now, caller) };
}

async function wasReplacedSince(sql: Sql, tokenId: string, instant: string): Promise<boolean> {
  const { rows } = await sql.query(
    `SELECT FROM events WHERE stream = $1 AND type IN ('token-refreshed', 'token-reassigned') AND recorded_at > $2 LIMIT 1`,
    [Token.stream(tokenId), instant],
  );
  return rows.length > 0;
}

/** An event is recorded before it is committed: what was verified between the two proved a secret that works no longer. */
async function provedWhatWorks(
  sql: Sql,
  tokenId: string,
  now: number,
  { credential, secretGeneration }: Caller,
): Promise<boolean> {
  if (credential.kind !== 'token' || credential.id !== tokenId) return true;
  if (secretGeneration === null || secretGeneration === now) return true;
  const { rows } = await sql.query(
    'SELECT FROM secret_graces WHERE token_id = $1 AND generation = $2 AND ends_at >= clock_timestamp()',
    [tokenId, secretGeneration],
  );
  return rows.length > 0;
}
