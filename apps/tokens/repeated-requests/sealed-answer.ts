import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { Pepper } from '../config/config.js';
import type { RepeatableRequest } from './idempotency-key.js';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** HKDF (RFC 5869) of a key that only its caller has. `purpose` keeps what is made of it apart. */
function derive(key: string, salt: string, purpose: string, userId: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, `tokenlog idempotency ${purpose} ${userId}`, KEY_BYTES));
}

/** Under what a user's answer is found again. It tells nothing of the key, and another user's same key has another one. */
export function idOf({ key }: RepeatableRequest, userId: string): Buffer {
  return derive(key, '', 'id', userId);
}

/**
 * What tells the request from another one with the same key: method, path, body, and the token, where the path does not name it.
 * Keyed by the request's key and the pepper: it is no way to try passwords, which stand in bodies.
 */
export function fingerprintOf(
  { key, method, path, body }: RepeatableRequest,
  userId: string,
  tokenId: string | null,
  pepper: Pepper,
): Buffer {
  const place = path.toLowerCase().replace(/\/+$/, '');
  const text = JSON.stringify([method, place, tokenId, sorted(body ?? {})]);
  return createHmac('sha256', derive(key, pepper.key, 'request', userId))
    .update(text)
    .digest();
}

/** Encrypts an answer so that it takes the request's key and the pepper to read it. */
export function seal(text: string, { key }: RepeatableRequest, userId: string, pepper: Pepper): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, derive(key, pepper.key, 'answer', userId), iv);
  return Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

/** @throws Error where the sealed answer is not what was sealed under this key, for this user */
export function open(sealed: Buffer, { key }: RepeatableRequest, userId: string, pepper: Pepper): string {
  const decipher = createDecipheriv(
    CIPHER,
    derive(key, pepper.key, 'answer', userId),
    sealed.subarray(0, IV_BYTES),
  ).setAuthTag(sealed.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]).toString('utf8');
}

/** The same JSON, whatever order its fields were sent in. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, part]) => [name, sorted(part)]);
}
