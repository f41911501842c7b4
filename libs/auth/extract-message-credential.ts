import type { IncomingHttpHeaders } from 'node:http';
import { crossOrigin } from './auth-problem.js';
import type { PresentedCredential } from './authentication.js';
import { fromAuthorization, takeCredential, takeField, textOf } from './extract-credential.js';
import { isOpenedBySameOrigin } from './same-origin.js';

const NAME = 'authorization';

/**
 * Finds the credential of a message: its header `authorization` (any case), then the field `authorization` of its
 * payload; `token X`, `Bearer X`, HTTP Basic or the bare text. The field is taken out before the handler sees it.
 */
export function takeMessageCredential(payload: unknown, context: unknown): PresentedCredential | undefined {
  const field = takeField(payload, NAME);
  const header = headerOf(context);
  if (header !== undefined) return { ...readAuthorization(header), by: 'message-header' };
  return field === undefined ? undefined : { ...readAuthorization(field), by: 'message-field' };
}

/** What is read of a WebSocket's client, of socket.io or of `ws`, or of a GraphQL subscription's connection. */
export interface Handshake {
  /** socket.io's `auth`, graphql-ws' `connectionParams`. */
  readonly auth?: unknown;
  readonly headers?: IncomingHttpHeaders;
}

/**
 * Finds the credential that a WebSocket was opened with: `authorization` or `token` of what its client gave, then where an
 * HTTP request would carry it; the cookie only of a page of this origin.
 * @throws AuthProblem 403 `cross-origin`
 */
export function readHandshakeCredential({ auth, headers }: Handshake): PresentedCredential | undefined {
  const given = typeof auth === 'object' && auth !== null ? (auth as Record<string, unknown>) : {};
  const text = given[NAME] ?? given.Authorization ?? given.token;
  if (text !== undefined && text !== null) return { ...readAuthorization(text), by: 'handshake' };
  const presented = headers && takeCredential({ method: 'GET', headers }, false);
  if (headers && presented?.by === 'cookie' && !isOpenedBySameOrigin({ headers })) throw crossOrigin();
  return presented;
}

function readAuthorization(value: unknown): Pick<PresentedCredential, 'text' | 'username'> {
  const text = textOf(value);
  return fromAuthorization(text) ?? { text };
}

/** Nest's NatsContext has the message's headers; other transports have none. */
function headerOf(context: unknown): string | undefined {
  const headers = (
    context as { getHeaders?: () => Iterable<[string, string[]]> | undefined } | undefined
  )?.getHeaders?.();
  for (const [name, values] of headers ?? []) if (name.toLowerCase() === NAME) return values.join(', ');
  return undefined;
}
