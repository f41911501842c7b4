import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SECRET_BYTES = 32;
/** 62^43 > 2^256: every 256-bit secret fits. */
const SECRET_LENGTH = 43;
const CHECK_LENGTH = 6;
const SHAPE = /^(tkl|tks)_([0-9a-f]{32})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/;

/** `tkl`: a token. `tks`: a session. */
export type CredentialPrefix = 'tkl' | 'tks';

/** A credential's text, taken apart. `id` is public and may be logged; `secret` must never be. */
export interface Credential {
  readonly prefix: CredentialPrefix;
  readonly id: string;
  readonly secret: string;
}

/** 256 random bits in base62, from the system's CSPRNG (S6). */
export function generateSecret(): string {
  return base62(BigInt(`0x${randomBytes(SECRET_BYTES).toString('hex')}`), SECRET_LENGTH);
}

/** The text that is handed out: `tkl_<id without dashes>_<secret><check>`, or `tks_…` for a session. */
export function formatCredential(credential: Credential): string {
  const text = `${credential.prefix}_${credential.id.replaceAll('-', '')}_${credential.secret}`;
  return text + check(text);
}

/**
 * Reads a credential's text, or `null` where its shape or its check is wrong.
 * No I/O: garbage and typing errors end here.
 */
export function parseCredential(text: string): Credential | null {
  const match = SHAPE.exec(text);
  if (!match) return null;
  const [, prefix, id, secret, given] = match as unknown as [string, CredentialPrefix, string, string, string];
  if (check(text.slice(0, -CHECK_LENGTH)) !== given) return null;
  return { prefix, id: dashed(id), secret };
}

/** base64url(SHA-256(secret)): what a guard sends instead of the secret, which stays at the edge. */
export function proofOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}

function check(text: string): string {
  return base62(BigInt(crc32(text)), CHECK_LENGTH);
}

function base62(value: bigint, length: number): string {
  let text = '';
  for (let rest = value; rest > 0n; rest /= 62n) text = ALPHABET[Number(rest % 62n)] + text;
  return text.padStart(length, '0');
}

function dashed(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
