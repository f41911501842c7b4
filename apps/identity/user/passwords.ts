import { randomBytes } from 'node:crypto';
import { Algorithm, hash, verify } from '@node-rs/argon2';

/** argon2id as OWASP advises: 19 MiB, 2 passes, 1 lane. */
const PARAMETERS = { algorithm: 2 satisfies Algorithm.Argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** Of no password that anybody knows. */
const unknown = hash(randomBytes(32), PARAMETERS);

/** Hashes a password; the result, in PHC form, holds its salt and parameters. */
export function hashPassword(password: string): Promise<string> {
  return hash(normal(password), PARAMETERS);
}

/** Checks a password. Without a hash it does the same work and says no, so that time does not tell who has one. */
export async function isPassword(passwordHash: string | null | undefined, password: string): Promise<boolean> {
  const right = await verify(passwordHash ?? (await unknown), normal(password));
  return right && passwordHash != null;
}

/** A password for one person to read once: 128 bits. */
export function randomPassword(): string {
  return randomBytes(16).toString('base64url');
}

/** The same text typed on two keyboards may differ in code points (NIST SP 800-63B, 5.1.1.2). */
function normal(password: string): string {
  return password.normalize('NFKC');
}
