import { z } from 'zod';

/**
 * Where a browser goes after its login: a path of the same origin. Browsers take `//host` and `/\host` for another host, and
 * drop tabs and line ends before they look; so everything is refused but a slash and plain characters that are no backslash.
 */
export const nextPath = z
  .string()
  .max(2048)
  .regex(/^\/(?!\/)[\x21-\x5b\x5d-\x7e]*$/, 'must be a path of this origin, such as /tokens');
