import { z } from 'zod';

/** Stands for the origin that a path is on. */
const HERE = 'http://here.invalid';
/** Printable ASCII without a backslash: browsers take `\` for `/`, and drop tabs and line ends before they look. */
const PLAIN = /^[\x21-\x5b\x5d-\x7e]*$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be hidden behind an escape
const HIDDEN = /[\x00-\x1f\x7f\\]/;

/**
 * Where a browser is sent after a session has begun: a path of the same origin, and nothing that a browser or a proxy behind
 * us, which may take escapes away once more, could take for another one's address.
 */
export const nextPath = z
  .string()
  .max(2048)
  .refine((path) => PLAIN.test(path) && staysHere(path), 'must be a path of this origin, such as /tokens');

function staysHere(path: string): boolean {
  const url = URL.parse(path, HERE);
  if (!path.startsWith('/') || HIDDEN.test(path) || url?.origin !== HERE || url.pathname.startsWith('//')) return false;
  const plainer = unescaped(path);
  return plainer === path || staysHere(plainer);
}

/**
 * Byte by byte, so that no escape hides behind one that is no text. Each round takes two characters at least, so the bound of
 * the length bounds the rounds.
 */
function unescaped(path: string): string {
  return path.replace(/%([0-9a-f]{2})/gi, (_, code) => String.fromCharCode(Number.parseInt(code, 16)));
}
