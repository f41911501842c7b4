import type { Addresses, Service } from './addresses.js';
import type { Page } from './api.js';
import { EXIT, exitCodeOf, Failure, localFailure, type ProblemBody } from './failure.js';
import { type HttpAnswer, send } from './http.js';
import { unreachable } from './unreachable.js';

const TIMEOUT_MS = 30_000;

/** A call to one of the services. */
export interface Call {
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly json?: unknown;
  /** The credential to call with; null: none. Default: the client's. */
  readonly as?: string | null;
}

/** An answer of success, read whole. */
export interface Answer<Body> {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: HttpAnswer['headers'];
  readonly body: Body;
}

/** Calls the services. Whatever is no success is thrown as a Failure with the exit code that belongs to it. */
export class Client {
  constructor(
    readonly addresses: Addresses,
    private readonly credential: () => Promise<string>,
    /** What sets the address of a service, in words. */
    private readonly origin: (service: Service) => string,
  ) {}

  /** The body of the answer; undefined where there is none. */
  async call<Body>(service: Service, method: string, path: string, call: Call = {}): Promise<Body> {
    return (await this.exchange<Body>(service, method, path, call)).body;
  }

  /**
   * A list: the page that is asked for, or with `all` the whole of it as one page.
   * @throws Failure
   */
  async list<Item>(service: Service, path: string, query: Call['query'], all: boolean): Promise<Page<Item>> {
    const first = await this.call<Page<Item>>(service, 'GET', path, { query });
    if (!all) return first;
    const items = [...first.items];
    for (let cursor = first.nextCursor; cursor !== null; ) {
      const page = await this.call<Page<Item>>(service, 'GET', path, { query: { ...query, cursor } });
      items.push(...page.items);
      cursor = page.nextCursor;
    }
    return { ...first, items, nextCursor: null };
  }

  /** @throws Failure */
  async exchange<Body>(service: Service, method: string, path: string, call: Call = {}): Promise<Answer<Body>> {
    const address = this.addresses[service];
    const headers: Record<string, string> = { accept: 'application/json, */*;q=0.1', 'user-agent': 'tokenlog-cli' };
    const credential = call.as === undefined ? await this.credential() : call.as;
    // A header is bytes: those of UTF-8.
    if (credential !== null) headers.authorization = Buffer.from(`Bearer ${credential}`).toString('latin1');
    if (call.json !== undefined) headers['content-type'] = 'application/json';

    const url = new URL(`${address}${path}${queryOf(call.query)}`);
    const json = call.json === undefined ? undefined : JSON.stringify(call.json);
    let answer: HttpAnswer;
    try {
      // The services never redirect these: whoever does is not them, and must not be sent a password.
      answer = await send(url, { method, headers, body: json, timeoutMs: TIMEOUT_MS });
    } catch (error) {
      throw unreachable(address, this.origin(service), TIMEOUT_MS, error as NodeJS.ErrnoException);
    }
    const body = bodyOf(answer);
    if (answer.status < 200 || answer.status > 299) throw failureOf(answer, body, address, this.origin(service));
    if (body === NOT_JSON) throw notTokenlog(answer, address, this.origin(service));
    return { status: answer.status, headers: answer.headers, body: body as Body };
  }
}

const NOT_JSON = Symbol('not JSON');

function bodyOf({ status, headers, text }: HttpAnswer): unknown {
  if (text === '') return status === 200 ? NOT_JSON : undefined;
  const type = headers['content-type'] ?? '';
  if (/^(text\/csv|application\/jsonl)\b/.test(type)) return text;
  if (!/^application\/(problem\+)?json\b/.test(type)) return NOT_JSON;
  try {
    return JSON.parse(text);
  } catch {
    return NOT_JSON;
  }
}

function failureOf(answer: HttpAnswer, body: unknown, address: string, origin: string): Failure {
  const { status, headers } = answer;
  if (!isProblem(body)) {
    const isDown = exitCodeOf(status) === EXIT.unavailable;
    return isDown
      ? localFailure(EXIT.unavailable, 'unavailable', `${address} cannot answer at the moment (HTTP ${status}).`)
      : notTokenlog(answer, address, origin);
  }
  const seconds = headers['retry-after'];
  const wait = status === 429 && seconds ? `Wait ${seconds} s.` : '';
  return new Failure(exitCodeOf(status), body, body.detail.includes(`${seconds} s`) ? '' : wait);
}

function isProblem(body: unknown): body is ProblemBody {
  const { code, detail } = (body ?? {}) as Partial<ProblemBody>;
  return typeof code === 'string' && typeof detail === 'string';
}

function notTokenlog({ status }: HttpAnswer, address: string, origin: string): Failure {
  const detail = `${address} answers (HTTP ${status}), but not as Tokenlog does. Is the address right? ${origin}`;
  return localFailure(EXIT.failed, 'not-tokenlog', detail);
}

function queryOf(query: Call['query'] = {}): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) parameters.set(key, String(value));
  return parameters.size > 0 ? `?${parameters}` : '';
}
