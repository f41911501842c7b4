import type { IncomingHttpHeaders } from 'node:http';
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
    fromAuthorization(headers.authorization) ??
    fromHeader(headers['auth-token']) ??
    parameter ??
    fromCookie(headers.cookie)
  );
}

function takeParameter(request: RequestWithCredential, urlParameter: boolean): PresentedCredential | undefined {
  const inUrl = takeFromUrl(request, urlParameter);
  return takeFromBody(request) ?? inUrl;
}

/** `token X`, `Bearer X` or `Basic base64(user:X)`; another scheme is somebody else's. */
function fromAuthorization(header: string | undefined): PresentedCredential | undefined {
  const bearer = bearerText(header);
  if (bearer !== undefined) return { text: bearer, by: 'authorization' };
  const basic = /^basic(?:\s+(.*))?$/i.exec(header ?? '');
  if (!basic) return undefined;
  // RFC 7617: the first colon ends the user name.
  const decoded = Buffer.from(basic[1] ?? '', 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon < 0) return { text: '', by: 'basic', username: decoded };
  return { text: decoded.slice(colon + 1), by: 'basic', username: decoded.slice(0, colon) };
}

/** What follows the scheme `token` or `Bearer`, in any case (S1). */
export function bearerText(header: string | undefined): string | undefined {
  const match = /^(?:token|bearer)(?:\s+(.*))?$/i.exec(header?.trim() ?? '');
  return match ? (match[1] ?? '') : undefined;
}

function fromHeader(header: string | string[] | undefined): PresentedCredential | undefined {
  const text = String(header ?? '').trim();
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
  const text = header === undefined ? undefined : parseCookie(header)[COOKIE];
  return text === undefined ? undefined : { text, by: 'cookie' };
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
  return typeof value === 'string' ? value.trim() : '';
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
