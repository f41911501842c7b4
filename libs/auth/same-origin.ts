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
  return SAFE_METHODS.has(request.method) || saidOf(request) === 'own';
}

/** Whether the page that opens a WebSocket is of this origin: a browser sends cookies along from any. */
export function isOpenedBySameOrigin({ headers, host }: Omit<OriginOfRequest, 'method'>): boolean {
  return saidOf({ method: 'CONNECT', headers, host }) === 'own';
}

/**
 * Whether this request may be answered with a cookie (S45): no other site's page makes it. A program says nothing about its
 * origin, and may. Another site may send its visitor here by a link, in the open; it may not load this as a part of its page.
 */
export function mayBeGivenCookie(request: OriginOfRequest): boolean {
  return saidOf(request) !== 'foreign' || isFollowedLink(request);
}

/**
 * Whether a refusal may offer HTTP Basic. Not to a page's script: its browser would ask the user for a name and a password in
 * a window of its own.
 */
export function mayOfferBasic({ headers }: Pick<OriginOfRequest, 'headers'>): boolean {
  if (headers['sec-fetch-site'] !== undefined) return headers['sec-fetch-mode'] === 'navigate';
  return headers.origin === undefined && headers.referer === undefined && headers['x-requested-with'] === undefined;
}

/** What the browser says of who makes the request; `nothing`: a program, or a browser that is too old to say. */
function saidOf(request: OriginOfRequest): 'own' | 'foreign' | 'nothing' {
  const { origin, 'sec-fetch-site': site } = request.headers;
  if (site !== undefined) return site === 'same-origin' || site === 'none' ? 'own' : 'foreign';
  if (origin === undefined) return 'nothing';
  const host = request.host ?? request.headers.host;
  return host !== undefined && hasHost(origin, host) ? 'own' : 'foreign';
}

/** Fetch metadata: the top of a window goes there. A form's POST is a navigation too, and no link. */
function isFollowedLink({ method, headers }: OriginOfRequest): boolean {
  return method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
}

function hasHost(origin: string, host: string): boolean {
  if (!URL.canParse(origin)) return false;
  const given = new URL(origin);
  const own = `${given.protocol}//${host}`;
  // A default port is left out on either side.
  return given.host !== '' && URL.canParse(own) && given.host === new URL(own).host;
}
