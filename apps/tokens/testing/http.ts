import { StartSession } from '../session/start-session.js';
import type { TestTokenService, TestUser } from './token-service.js';

/** An HTTP answer, read whole. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what other programs would, without our types
  readonly body: any;
}

/** Calls a route of the service under test. */
export async function call(
  service: TestTokenService,
  method: string,
  path: string,
  options: { as?: string; json?: unknown; headers?: Record<string, string>; redirect?: 'follow' | 'manual' } = {},
): Promise<HttpAnswer> {
  const headers = new Headers(options.headers);
  if (options.as) headers.set('authorization', `Bearer ${options.as}`);
  if (options.json !== undefined) headers.set('content-type', 'application/json');
  const body = options.json === undefined ? null : JSON.stringify(options.json);
  const response = await fetch(new URL(path, service.url), {
    method,
    headers,
    body,
    redirect: options.redirect ?? 'follow',
  });
  const text = await response.text();
  const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, body: isJson && text ? JSON.parse(text) : text };
}

/** The credential of a session that the user started with a password. */
export async function sessionOf(service: TestTokenService, user: TestUser): Promise<string> {
  const basis = { with: 'password', userId: user.id, userVersion: user.version } as const;
  return (await service.commands.execute(new StartSession(basis, '192.0.2.1'))).credential;
}
