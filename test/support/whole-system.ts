import { type System, type SystemOptions, startSystem } from '../../tools/system.js';
import { type Answer, type Call, httpClient } from '../../tools/tour/client.js';
import { atTheLatest } from './at-the-latest.js';
import { newDataDir } from './data-dir.js';
import { mediaTypeOf, type Operation, operationsOf, undocumented } from './documented.js';

export const ADMIN_PASSWORD = 'whole-system-admin-password';
export const PASSWORD = 'a password of a user';
const silent = { step: () => undefined, call: () => undefined };
type Http = (method: string, path: string, call?: Call) => Promise<Answer>;

/** A token as its creation answers it. */
export interface Issued {
  readonly token: { readonly id: string; readonly userId: string };
  readonly secret: string;
}

/** A whole system of real processes on free ports, with an admin who is logged in. */
export class WholeSystem {
  private constructor(
    readonly system: System,
    readonly dataDir: string,
    readonly identity: Http,
    readonly tokens: Http,
    readonly example: Http,
  ) {}

  /** The credential of the admin's session. */
  admin = '';

  static async start(name: string, variables: Record<string, string> = {}): Promise<WholeSystem> {
    return WholeSystem.startIn(await newDataDir(name), variables);
  }

  /** On the data of one that was stopped. */
  static async startIn(
    dataDir: string,
    variables: Record<string, string> = {},
    more: Pick<SystemOptions, 'output' | 'patienceMs'> = {},
  ): Promise<WholeSystem> {
    const env = { ...process.env, ADMIN_PASSWORD, DATABASE_URL: '', NATS_URL: '', ...variables };
    const system = await startSystem({ dataDir, ports: 'free', fsync: false, env, ...more });
    const [identity, tokens, example] = await Promise.all(
      (['identity', 'tokens', 'example'] as const).map((service) => documented(service, system[service].url)),
    );
    if (!identity || !tokens || !example) throw new Error('a service has no client');
    const whole = new WholeSystem(system, dataDir, identity, tokens, example);
    whole.admin = await whole.logIn('admin', ADMIN_PASSWORD);
    return whole;
  }

  /** @returns the credential of a new session */
  async logIn(username: string, password: string): Promise<string> {
    const answer = expectStatus(await this.identity('POST', '/login', { json: { username, password } }), 200);
    return answer.body.session.credential;
  }

  /** Registers a user with `PASSWORD`, unless it is said to have none. */
  async register(username: string, more: object = {}): Promise<{ id: string; username: string }> {
    const json = { username, password: PASSWORD, mustChangePassword: false, ...more };
    return expectStatus(await this.identity('POST', '/users', { as: this.admin, json }), 201).body;
  }

  /** Makes a token for a user, as the admin. */
  async issue(userId: string, more: object = {}): Promise<Issued> {
    const json = { userId, description: 'export', scopes: ['rest'], password: ADMIN_PASSWORD, ...more };
    return expectStatus(await this.tokens('POST', '/admin/tokens', { as: this.admin, json }), 201).body;
  }

  /** Changes a user, as the admin. */
  async change(userId: string, json: object): Promise<void> {
    expectStatus(await this.identity('PATCH', `/users/${userId}`, { as: this.admin, json }), 200);
  }

  /** Starts a session of a token. */
  async sessionOf(secret: string): Promise<{ credential: string; expiresAt: string }> {
    return expectStatus(await this.tokens('POST', '/sessions', { as: secret }), 201).body.session;
  }

  readonly stop = atTheLatest(() => this.system.stop());
}

/** A client of a service that takes no answer which the service's own OpenAPI document does not list. */
async function documented(name: string, url: string): Promise<Http> {
  const client = httpClient(name, url, silent);
  const operations: Map<string, Operation> = operationsOf((await client('GET', '/openapi.json')).body);
  return async (method, path, call) => {
    const answer = await client(method, path, call);
    const wrong = undocumented(operations, method, path, {
      status: answer.status,
      type: mediaTypeOf(answer.headers.get('content-type')),
      code: answer.body?.code,
    });
    if (wrong) throw new Error(`${name}: ${wrong}`);
    return answer;
  };
}

/** An answer of this status, or a failure that shows what came instead. */
export function expectStatus(answer: Answer, status: number): Answer {
  expect({ status: answer.status, ...(answer.status !== status && { body: answer.body }) }).toEqual({ status });
  return answer;
}

/** An answer that is this problem. */
export function expectProblem(answer: Answer, status: number, code: string): void {
  expect({ status: answer.status, code: answer.body?.code }).toEqual({ status, code });
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
}
