import { setTimeout as wait } from 'node:timers/promises';

/** Something that the reader can change; the message is one line. */
export class SeedError extends Error {
  override name = 'SeedError';
}

/** A service refused a call. */
export class Refusal extends SeedError {
  constructor(
    call: string,
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(`${call} was refused: ${status} ${code}: ${detail}`);
  }
}

/** Calls one service; resolves with the answer's body. */
export type Api = <Body>(method: string, path: string, call?: { as?: string; json?: object }) => Promise<Body>;

const TRIES = 20;
const RETRY_MS = 500;

/**
 * HTTP calls to a service. A 503 says that nothing was done: it is tried again for some seconds.
 * @throws Refusal for any other answer that is no success, SeedError when the service cannot be reached
 */
export function api(name: string, url: string): Api {
  return async <Body>(method: string, path: string, { as, json }: { as?: string; json?: object } = {}) => {
    const headers = {
      ...(as && { authorization: `Bearer ${as}` }),
      ...(json && { 'content-type': 'application/json' }),
    };
    for (let attempt = 1; ; attempt++) {
      const response = await fetch(new URL(path, url), {
        method,
        headers,
        ...(json && { body: JSON.stringify(json) }),
      }).catch((error: Error) => {
        const { code, message } =
          (error.cause as NodeJS.ErrnoException | undefined) ?? (error as NodeJS.ErrnoException);
        throw new SeedError(`${name} at ${url} cannot be reached: ${code ?? message}. Is Tokenlog running?`);
      });
      const text = await response.text();
      if (response.status === 503 && attempt < TRIES) {
        await wait(RETRY_MS);
        continue;
      }
      const body = /\bjson\b/.test(response.headers.get('content-type') ?? '') && text ? JSON.parse(text) : undefined;
      if (response.ok) return body as Body;
      const { code = 'error', detail = response.statusText } = body ?? {};
      throw new Refusal(`${method} ${path} on ${name}`, response.status, code, detail);
    }
  };
}
