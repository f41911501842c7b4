import type { IncomingHttpHeaders } from 'node:http';
import { isPlaceholder, presentedText, textOfBytes, textOfHeader } from '@tokenlog/contracts/credential.js';
import { parseCookie } from 'cookie';
import type { PresentedCredential } from './authentication.js';

const PARAMETER = 'auth_token';
const COOKIE = 'session';

/** What is read of a request, on Express (the request itself is Node's) and Fastify (Node's is `raw`) alike. */
export interface RequestWithCredential {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body?: unknown;
  readonly query?: unknown;
  readonly raw?: NodeRequest;
  url?: string;
}

interface NodeRequest {
  url?: string;
  originalUrl?: string;
}

/**
 * Finds the credential of an HTTP request: `Authorization: token X`, `Bearer X` or HTTP Basic (S1, S4), `Auth-Token: X`
 * (S2), `auth_token` of a POST in its body, then in its URL (S3), the cookie `session`; the first of these that is there.
 * Takes `auth_token` out of the body and the URL in any case: handlers have strict schemas, and it must not be logged.
 */
export function takeCredential(request: RequestWithCredential, urlParameter: boolean): PresentedCredential | undefined {
  const { method, headers } = request;
  const parameter = method === 'POST' ? takeParameter(request, urlParameter) : undefined;
  return (
    (headers.authorization === undefined ? undefined : fromAuthorization(textOfHeader(headers.authorization))) ??
    fromHeader(headers['auth-token']) ??
    parameter ??
    fromCookie(headers.cookie)
  );
}

function takeParameter(request: RequestWithCredential, urlParameter: boolean): PresentedCredential | undefined {
  const inUrl = takeFromUrl(request, urlParameter);
  return takeFromBody(request) ?? inUrl;
}

/** `token X`, `Bearer X` (in any case, S1) or `Basic base64(user:X)`; another scheme is somebody else's. */
export function fromAuthorization(
  value: string,
): (PresentedCredential & { by: 'authorization' | 'basic' }) | undefined {
  const match = /^(?:(?:token|bearer)|(basic))(?:\s+(.*))?$/is.exec(presentedText(value));
  if (!match) return undefined;
  const [, basic, rest = ''] = match;
  return basic === undefined
    ? { text: presentedText(rest), by: 'authorization' }
    : fromBasic(Buffer.from(rest, 'base64'));
}

/**
 * The token as the password of its owner (S4); beside a name that names nobody (`x-access-token:X`, `oauth2:X`, `:X`); or as the
 * user name (`X:`, `X:x-oauth-basic`). RFC 7617: the first colon ends the user name.
 */
function fromBasic(bytes: Buffer): PresentedCredential & { by: 'basic' } {
  const decoded = presentedText(textOfBytes(bytes));
  const colon = decoded.indexOf(':');
  if (colon < 0) return { text: '', by: 'basic', username: decoded };
  const username = presentedText(decoded.slice(0, colon));
  const password = presentedText(decoded.slice(colon + 1));
  if (isPlaceholder(username)) return { text: password, by: 'basic' };
  return isPlaceholder(password) ? { text: username, by: 'basic' } : { text: password, by: 'basic', username };
}

function fromHeader(header: string | string[] | undefined): PresentedCredential | undefined {
  const text = header === undefined ? '' : presentedText(textOfHeader(String(header)));
  return text === '' ? undefined : { text, by: 'auth-token' };
}

function takeFromBody({ body }: RequestWithCredential): PresentedCredential | undefined {
  const value = takeField(body, PARAMETER);
  return value === undefined ? undefined : { text: textOf(value), by: 'body' };
}

function takeFromUrl(request: RequestWithCredential, accepted: boolean): PresentedCredential | undefined {
  const node: NodeRequest = request.raw ?? request;
  const values = parametersOf(node.url).getAll(PARAMETER);
  if (values.length === 0) return undefined;
  // Express parses `query` from the URL at each look; Fastify and older middleware keep an object.
  node.url = withoutParameter(node.url);
  if (node.originalUrl !== undefined) node.originalUrl = withoutParameter(node.originalUrl);
  takeField(request.query, PARAMETER);
  return accepted ? { text: textOf(values.length === 1 ? values[0] : values), by: 'url' } : undefined;
}

function fromCookie(header: string | undefined): PresentedCredential | undefined {
  const text = header === undefined ? undefined : parseCookie(textOfHeader(header))[COOKIE];
  return text === undefined ? undefined : { text: presentedText(text), by: 'cookie' };
}

/** Removes a field from an object and returns what it held. */
export function takeField(holder: unknown, field: string): unknown {
  if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, field)) return undefined;
  const fields = holder as Record<string, unknown>;
  const value = fields[field];
  delete fields[field];
  return value;
}

/** A list or an object in the place of a text is no credential: the empty text is refused as malformed. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? presentedText(value) : '';
}

function parametersOf(url = ''): URLSearchParams {
  const question = url.indexOf('?');
  return new URLSearchParams(question < 0 ? '' : url.slice(question + 1));
}

/** The others stay as they were written. */
function withoutParameter(url = ''): string {
  const question = url.indexOf('?');
  if (question < 0) return url;
  const kept = url
    .slice(question + 1)
    .split('&')
    .filter((pair) => !new URLSearchParams(pair).has(PARAMETER));
  return kept.length > 0 ? `${url.slice(0, question)}?${kept.join('&')}` : url.slice(0, question);
}
