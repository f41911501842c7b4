import { parseCredential } from '@tokenlog/contracts/credential.js';

/** Told what the story does, so that it can be shown. */
export interface Narrator {
  readonly step: (title: string) => void;
  readonly call: (line: string) => void;
}

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

/** Any credential in a text, with its secret left out; and no password. */
export function shorten(text: string): string {
  return text
    .replaceAll(/(tk[ls]_[0-9a-f]{4})[0-9a-f]{28}_[0-9A-Za-z]{49}/g, '$1…')
    .replaceAll(/(password"?[:=]"?)[^"&\s]+/gi, '$1…');
}

function describe(headers: Headers, { json, form }: Call): string {
  const authorization = headers.get('authorization');
  const parts = [
    authorization && `Authorization: ${authorization.startsWith('Basic') ? 'Basic …' : authorization}`,
    headers.get('auth-token') && `Auth-Token: ${headers.get('auth-token')?.slice(0, 12)}…`,
    json !== undefined && JSON.stringify(json),
    form && new URLSearchParams(form).toString(),
  ].filter(Boolean);
  return parts.length > 0 ? `${parts.join('  ')}  ` : '';
}

/** The same token's text with one character of its secret changed: its check is wrong. */
export function misspelt(text: string): string {
  const at = text.length - 10;
  const changed = text.slice(0, at) + (text[at] === 'x' ? 'y' : 'x') + text.slice(at + 1);
  if (parseCredential(changed)) throw new Error('a misspelt token must not pass its check');
  return changed;
}
