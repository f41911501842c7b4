import type { IncomingHttpHeaders } from 'node:http';

/** RFC 9110, 9.2.1. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** What is read of a request, on Express and Fastify alike. `host` honours the proxies that the application trusts. */
export interface OriginOfRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly host?: string;
}

/**
 * Whether a cookie may speak for this request (S45): it changes nothing, or the browser says that this origin made it.
 * A browser that says nothing at all is refused; programs present their tokens in a header.
 */
export function isSafeOrSameOrigin(request: OriginOfRequest): boolean {
  if (SAFE_METHODS.has(request.method)) return true;
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  const { origin } = request.headers;
  const host = request.host ?? request.headers.host;
  return origin !== undefined && host !== undefined && hasHost(origin, host);
}

function hasHost(origin: string, host: string): boolean {
  const given = URL.parse(origin);
  // A default port is left out on either side.
  return given !== null && given.host !== '' && given.host === URL.parse(`${given.protocol}//${host}`)?.host;
}
