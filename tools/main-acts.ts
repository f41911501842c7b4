import { setTimeout as delay } from 'node:timers/promises';
import { formatCredential, generateSecret } from '@tokenlog/contracts/credential.js';
import { v7 } from 'uuid';
import type { ServiceName } from './services.js';
import { StartError } from './start-error.js';

/** How long a service may need from being ready to doing what it is for, in ms. */
const PATIENCE_MS = 15_000;
const AGAIN_MS = 250;
const ANSWER_MS = 5_000;

/**
 * Has each service do once what it is for: log in, verify, guard. Each is asked with a token that nobody has, and must say
 * that it is none: it takes the database and NATS, as the users that the services come as, to know that.
 * @throws StartError that says which cannot, and why
 */
export async function doMainActs(urls: Record<ServiceName, { url: string }>, signal?: AbortSignal): Promise<void> {
  const token = formatCredential({ prefix: 'tkl', id: v7(), secret: generateSecret() });
  const headers = { authorization: `Bearer ${token}` };
  const login = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password: token }),
  };
  await Promise.all([
    act('identity logs nobody in', `${urls.identity.url}/login`, login, signal),
    act('tokens verifies nothing', `${urls.tokens.url}/auth/verify`, { headers }, signal),
    act('example-api guards nothing', `${urls.example.url}/`, { headers }, signal),
  ]);
}

async function act(failing: string, url: string, request: RequestInit, signal?: AbortSignal): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const why = await refusal(url, request);
    if (why === undefined || signal?.aborted) return;
    if (performance.now() > deadline) throw new StartError(`${failing}: ${why}`);
    await delay(AGAIN_MS);
  }
}

/** @returns undefined where it was refused as what it is */
async function refusal(url: string, request: RequestInit): Promise<string | undefined> {
  try {
    const answer = await fetch(url, { ...request, signal: AbortSignal.timeout(ANSWER_MS) });
    const text = await answer.text();
    if (answer.status === 401) return undefined;
    const { code, detail } = parse(text);
    return `it answers ${answer.status}${code ? ` ${code}` : ''}${detail ? `: ${detail}` : ''}`;
  } catch (error) {
    return (error as Error).message;
  }
}

function parse(text: string): { code?: string; detail?: string } {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
