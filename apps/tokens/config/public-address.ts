import { z } from 'zod';

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/**
 * The address at which others reach a service, or `null` for what is none: `https://`, or `http://` on the loopback address; no
 * user, query or fragment.
 */
export function publicAddress(text: string): URL | null {
  const url = URL.parse(text);
  if (!url) return null;
  const secure = url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.includes(url.hostname));
  return secure && !url.username && !url.password && !/[?#]/.test(text) ? url : null;
}

/** `OAUTH_ISSUER`, as it is given: clients compare it letter by letter (RFC 8414, 3.3). */
export const issuerVariable = z
  .string()
  .refine(
    (text) => publicAddress(text) !== null,
    'must be https://address; http:// is for loopback alone, and no user, query or fragment',
  )
  .optional();
