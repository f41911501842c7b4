import { isPlaceholder } from '@tokenlog/contracts/credential.js';
import { foldedName } from '@tokenlog/contracts/folded-name.js';
import { invalidRequest, type Problem } from '@tokenlog/platform/problem.js';
import type { Request } from 'express';

/** What is read of a request, and its `authorization`, which is written. */
export type ClientRequest = Pick<Request, 'headers' | 'rawHeaders' | 'body' | 'query'>;

/** RFC 6749, 2.3.1: these stand in the form, and never in the URL, which is logged on its way. */
const OF_THE_FORM = ['client_id', 'client_secret', 'token'];
/** RFC 6749, 3.2: no parameter twice. Those of the request itself are its schema's to refuse. */
const ONCE = ['client_id', 'client_secret', 'auth_token'];
/** What a form's encoding leaves of a text, whichever characters an encoder spares. */
const FORM_ENCODED = /^(?:[\w.!~*'()+-]|%[0-9a-f]{2})*$/i;

/**
 * Brings what a client shows of itself to HTTP Basic as the guard reads it: `client_secret_post` of the form, and what
 * `client_secret_basic` has encoded (RFC 6749, 2.3.1). Whatever else the guard takes stays as it is.
 * @throws Problem 400 `invalid-request`
 */
export function presentClient(request: ClientRequest): void {
  const { headers, query } = request;
  const form: Record<string, unknown> = request.body ?? {};
  for (const name of OF_THE_FORM)
    if (Object.hasOwn(query, name)) throw wrong(name, 'stands in the form, never in the URL');
  for (const name of ONCE) if (Array.isArray(form[name])) throw wrong(name, 'stands there more than once');
  const authorizations = request.rawHeaders.filter((_, at) => isAuthorization(request.rawHeaders[at - 1], at));
  if (authorizations.length > 1) throw wrong('Authorization', 'stands there more than once');
  // RFC 6749, 3.2: a parameter without a value is one that was left out.
  const id = textOf(form.client_id);
  const secret = textOf(form.client_secret);
  if (secret === '') {
    decodeBasic(headers, id);
    return;
  }
  const isShownOtherwise =
    authorizations.length > 0 || Boolean(headers['auth-token']) || 'auth_token' in form || 'auth_token' in query;
  if (isShownOtherwise) {
    throw wrong('client_secret', 'stands beside another way to show who the client is; one is allowed (RFC 6749, 2.3)');
  }
  if (id === '') throw wrong('client_id', 'is missing beside client_secret');
  headers.authorization = basicOf(id, secret);
}

/**
 * OAuth clients encode both as a form does, before Base64; `_` may become `%5F`. Others, such as curl, do not: account names and
 * tokens have neither `%` nor `+` of their own, so what is not encoded stays what it is. An imported key with one must be encoded.
 */
function decodeBasic(headers: ClientRequest['headers'], id: string): void {
  const encoded = /^\s*basic\s+(\S+)\s*$/i.exec(headers.authorization ?? '')?.[1];
  if (encoded === undefined) return;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 0) return;
  const name = decoded(text.slice(0, colon));
  const secret = decoded(text.slice(colon + 1));
  if (id !== '' && !isPlaceholder(name) && !isPlaceholder(secret) && foldedName(name) !== foldedName(id)) {
    throw wrong('client_id', 'is another than that of the header Authorization');
  }
  if (`${name}:${secret}` !== text) headers.authorization = basicOf(name, secret);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(FORM_ENCODED.test(text) ? text.replaceAll('+', ' ') : text);
  } catch {
    // A stray percent sign: it was not encoded.
    return text;
  }
}

/** The first colon ends the name (RFC 7617, 2): one of the name's own stays escaped, and names nobody, as no account has it. */
function basicOf(id: string, secret: string): string {
  return `Basic ${Buffer.from(`${id.replaceAll(':', '%3A')}:${secret}`).toString('base64')}`;
}

function isAuthorization(name: string | undefined, at: number): boolean {
  return at % 2 === 1 && name?.toLowerCase() === 'authorization';
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function wrong(field: string, detail: string): Problem {
  return invalidRequest([{ field, detail }]);
}
