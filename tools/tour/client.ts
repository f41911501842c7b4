import { parseCredential } from '@tokenlog/contracts/credential.js';
import type { Narrator } from './narrator.js';

/** An HTTP answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the story reads what other programs would, without our types
  readonly body: any;
}

/** A call to one of the services. */
export interface Call {
  readonly as?: string;
  readonly headers?: Record<string, string>;
  readonly json?: unknown;
  readonly form?: Record<string, string>;
  /** How long an answer is waited for, in ms; without it, as long as it takes. */
  readonly timeoutMs?: number;
}

/** Makes HTTP calls to one service and tells each, with its credentials shortened. */
export function httpClient(name: string, url: string, narrator: Narrator) {
  return async (method: string, path: string, call: Call = {}): Promise<Answer> => {
    const headers = new Headers(call.headers);
    if (call.as) headers.set('authorization', `Bearer ${call.as}`);
    if (call.json !== undefined) headers.set('content-type', 'application/json');
    const body = call.json !== undefined ? JSON.stringify(call.json) : call.form && new URLSearchParams(call.form);
    const signal = call.timeoutMs === undefined ? undefined : AbortSignal.timeout(call.timeoutMs);
    const response = await fetch(new URL(path, url), {
      method,
      headers,
      ...(body && { body }),
      ...(signal && { signal }),
    });
    const text = await response.text();
    const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '');
    const answer: Answer = {
      status: response.status,
      headers: response.headers,
      body: isJson && text ? JSON.parse(text) : text,
    };
    const said = answer.body?.code ? ` ${answer.body.code}` : '';
    narrator.call(shorten(`${name.padEnd(11)} ${method} ${path}  ${describe(headers, call)}→ ${answer.status}${said}`));
    return answer;
  };
}

/** Any credential in a text, by the end of its id and without its secret; and no password. */
export function shorten(text: string): string {
  return text
    .replaceAll(/(tk[ls]_)[0-9a-f]{28}([0-9a-f]{4})_[0-9A-Za-z]{49}/g, '$1…$2')
    .replaceAll(/(password":")(?:[^"\\]|\\.)*/gi, '$1…')
    .replaceAll(/(password=)[^&]*/gi, '$1…');
}

function describe(headers: Headers, { json, form }: Call): string {
  const authorization = headers.get('authorization');
  const parts = [
    authorization && `Authorization: ${authorization.startsWith('Basic') ? 'Basic …' : authorization}`,
    headers.get('auth-token') && `Auth-Token: ${shortened(headers.get('auth-token') ?? '')}`,
    json !== undefined && JSON.stringify(json),
    form && new URLSearchParams(form).toString(),
  ].filter(Boolean);
  return parts.length > 0 ? `${parts.join('  ')}  ` : '';
}

/** Also of a key without the form of a token. */
function shortened(text: string): string {
  const short = shorten(text);
  return short === text ? `${text.slice(0, 12)}…` : short;
}

/** The same token's text with one character of its secret changed: its check is wrong. */
export function misspelt(text: string): string {
  const at = text.length - 10;
  const changed = text.slice(0, at) + (text[at] === 'x' ? 'y' : 'x') + text.slice(at + 1);
  if (parseCredential(changed)) throw new Error('a misspelt token must not pass its check');
  return changed;
}
