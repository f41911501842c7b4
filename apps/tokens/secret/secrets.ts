import { createHmac } from 'node:crypto';
import { type CredentialPrefix, formatCredential, generateSecret, proofOf } from '@tokenlog/contracts/credential.js';
import { ConcurrencyError } from '@tokenlog/event-store/event.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import type { Pepper } from '../config/config.js';

/**
 * HMAC-SHA256(pepper, SHA-256(secret)): all that is stored of a secret (S7). A secret of 256 random bits gains nothing
 * from a slow hash; a leaked database cannot even test candidates without the pepper.
 */
export function keyedHash(pepper: Pepper, proof: string): Buffer {
  return createHmac('sha256', pepper.key).update(proof).digest();
}

/**
 * Makes a new secret for a token or a session and stores its keyed hash. Generations are never removed: whoever holds
 * an old secret is told `superseded`.
 * @returns the text to hand out; it cannot be had again
 */
export async function issueSecret(
  sql: Sql,
  pepper: Pepper,
  prefix: CredentialPrefix,
  owner: string,
  generation: number,
): Promise<string> {
  const secret = generateSecret();
  const values = [owner, generation, keyedHash(pepper, proofOf(secret)), pepper.id];
  const { rows } = await sql.query(
    `INSERT INTO secrets (owner, generation, hash, pepper) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING owner`,
    values,
  );
  if (rows.length === 0) throw new ConcurrencyError('the token was given another secret since it was read');
  return formatCredential({ prefix, id: owner, secret });
}
