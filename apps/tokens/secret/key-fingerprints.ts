import { type Algorithm, hashRaw } from '@node-rs/argon2';
import type { Sql } from '@tokenlog/event-store/sql.js';

/** argon2id as OWASP advises: 19 MiB, 2 passes, 1 lane. A tenth of a second at most. */
const COST = {
  algorithm: 2 satisfies Algorithm.Argon2id,
  memoryCost: 19_456,
  timeCost: 2,
  parallelism: 1,
  outputLen: 32,
};
/** Verifications go on beside an import of many keys. */
const AT_ONCE = 2;

/**
 * What is remembered of imported keys for good, by their proofs: it hangs on no pepper. Keys are chosen by people, and may be
 * weak; so it is slow, with a salt that this deployment made once: whoever has a dump of the database pays the full price
 * for each guess. One salt for all keys, since a key without an id has to be found.
 */
export async function fingerprintsOf(sql: Sql, proofs: readonly string[]): Promise<Map<string, Buffer>> {
  const fingerprints = new Map<string, Buffer>();
  if (proofs.length === 0) return fingerprints;
  const { rows } = await sql.query<{ salt: Buffer }>('SELECT salt FROM static_key_salt');
  const salt = rows[0]?.salt;
  if (!salt) throw new Error('static_key_salt has no row');
  const waiting = [...proofs];
  const work = async () => {
    for (let proof = waiting.pop(); proof !== undefined; proof = waiting.pop()) {
      fingerprints.set(proof, await hashRaw(proof, { ...COST, salt }));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return fingerprints;
}
