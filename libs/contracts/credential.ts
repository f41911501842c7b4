import { createHash, randomBytes } from 'node:crypto';
// By name, a Node that does not have it could not even say which one is needed.
import zlib from 'node:zlib';
import { foldedName } from './folded-name.js';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SECRET_BYTES = 32;
/** 62^43 > 2^256: every 256-bit secret fits. */
const SECRET_LENGTH = 43;
const CHECK_LENGTH = 6;
const SHAPE = /^(tkl|tks)_([0-9a-f]{32})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/;
const OWN_FORM = /^tk[ls]_/;
/** White space, control characters, and what is not seen: format characters (the byte order mark among them) and its reverse. */
const AROUND = /[\s\p{Cc}\p{Cf}\p{Z}\ufffe]/u;
const ASCII = /^[\x20-\x7e]*$/;
const BYTES = /^[\0-\xff]*$/;
const UTF_8 = new TextDecoder('utf-8', { fatal: true });

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
 * The text that was presented, however it came: header, form, URL, cookie, message, password field, file. What stands
 * around it (white space of any kind, line ends, control characters, what has no width, a byte order mark) is no part of it.
 * Every door reads by this: what one accepts, each accepts, and revokes.
 */
export function presentedText(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isAround(text.charCodeAt(start))) start++;
  while (end > start && isAround(text.charCodeAt(end - 1))) end--;
  return end - start === text.length ? text : text.slice(start, end);
}

/**
 * Reads a credential as it was presented, or `null` where its shape or its check is wrong.
 * No I/O: garbage and typing errors end here.
 */
export function parseCredential(presented: string): Credential | null {
  const text = presentedText(presented);
  const match = SHAPE.exec(text);
  if (!match) return null;
  const [, prefix, id, secret, given] = match as unknown as [string, CredentialPrefix, string, string, string];
  if (check(text.slice(0, -CHECK_LENGTH)) !== given) return null;
  return { prefix, id: dashed(id), secret };
}

/** Whether a text says of itself that it is a token or a session, whole or not: no imported key may. */
export function hasOwnForm(presented: string): boolean {
  return OWN_FORM.test(presentedText(presented));
}

/** The bounds of a static key's text (S37), in UTF-16 code units: a shorter one could be guessed at any guard. */
export const ACCESS_KEY_LENGTH = { min: 16, max: 512 } as const;

/** Whether a text may be a static key that was imported (S37): those have neither an id nor a check. */
export function maybeAccessKey(presented: string): boolean {
  const { length } = presentedText(presented);
  return length >= ACCESS_KEY_LENGTH.min && length <= ACCESS_KEY_LENGTH.max && !hasOwnForm(presented);
}

/** What a presented text proves: an id and its secret, or, by a static key (S37), the whole of itself. */
export type Proof = { readonly id: string; readonly proof: string } | { readonly proof: string };

/** What a presented text proves, or `null` for what is no credential at all. No I/O. */
export function prove(presented: string): Proof | null {
  const credential = parseCredential(presented);
  if (credential) return { id: credential.id, proof: proofOf(credential.secret) };
  return maybeAccessKey(presented) ? { proof: proofOf(presentedText(presented)) } : null;
}

const PLACEHOLDERS = new Set(
  ['', 'x-access-token', 'x-token-auth', 'x-oauth-basic', 'oauth2', 'oauth2accesstoken', 'gitlab-ci-token'].concat(
    '__token__',
  ),
);

/**
 * Whether a user name, or a password, of HTTP Basic names nobody: what git and others put beside a token that stands for itself.
 * No account is given such a name; one that had it before keeps it, and its tokens.
 */
export function isPlaceholder(name: string): boolean {
  return PLACEHOLDERS.has(foldedName(name));
}

/** A text from bytes, of a file, of stdin, or of a header: in the encoding that its byte order mark tells, else UTF-8, else Latin-1. */
export function textOfBytes(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  try {
    return UTF_8.decode(bytes);
  } catch {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  }
}

/**
 * The text of a header's value, which Node hands over as a character a byte: names and keys outside ASCII come as UTF-8 from
 * most programs. What came from elsewhere and has no bytes stays as it is.
 */
export function textOfHeader(value: string): string {
  if (ASCII.test(value) || !BYTES.test(value)) return value;
  return textOfBytes(Buffer.from(value, 'latin1'));
}

/** base64url(SHA-256(secret)): what a guard sends instead of the secret, which stays at the edge. */
export function proofOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}

function isAround(code: number): boolean {
  return (code <= 0x20 || code >= 0x7f) && AROUND.test(String.fromCharCode(code));
}

function check(text: string): string {
  return base62(BigInt(zlib.crc32(text)), CHECK_LENGTH);
}

function base62(value: bigint, length: number): string {
  let text = '';
  for (let rest = value; rest > 0n; rest /= 62n) text = ALPHABET[Number(rest % 62n)] + text;
  return text.padStart(length, '0');
}

function dashed(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
