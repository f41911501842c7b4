import { readdir, readFile } from 'node:fs/promises';
import { Agent, METHODS, request } from 'node:http';
import { join } from 'node:path';
import type { NatsConnection } from '@nats-io/transport-node';
import type { RequestContract } from '@tokenlog/contracts/message.js';
import { requestError } from '@tokenlog/contracts/message.js';
import { isProblemCode, problems, problemType, statusesOf } from '@tokenlog/contracts/problems.js';
import { connectNats } from '@tokenlog/platform/nats.js';
import fc from 'fast-check';
import { Client } from 'pg';
import { z } from 'zod';
import { root } from '../tools/paths.js';
import { type System, startSystem } from '../tools/system.js';
import {
  badEncoding,
  brokenBodies,
  brokenOf,
  type Known,
  nastyCursor,
  nastyText,
  percentEncode,
  type Schema,
  tooLarge,
  valueFor,
} from './support/bad-input.js';
import { newDataDir } from './support/data-dir.js';
import { mediaTypeOf, type Operation, operationsOf, undocumented } from './support/documented.js';

/** How often each route and each subject is tried with generated input; more for whoever has the time. */
const RUNS = Number(process.env.BAD_INPUT_RUNS ?? 40);
const SECONDS = 25 * RUNS;
const NATS_ANSWER_MS = 5000;
const ADMIN_PASSWORD = 'bad-input-admin-password';
const PASSWORD = 'bad-input-password';
/** Passwords may be wrong as often as the test likes. */
const ATTEMPTS = '1000000';

type Service = 'identity' | 'tokens';
interface Route {
  readonly service: Service;
  readonly method: string;
  readonly path: string;
  readonly operation: Pick<Operation, 'parameters' | 'requestBody'>;
}
interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}
interface Answer {
  readonly status: number;
  readonly type: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}
const actors = ['an admin', 'a user', 'a token', 'nobody'] as const;
type Actor = (typeof actors)[number];

/** What is no request, or an envelope whose id is none. */
const BROKEN_PAYLOADS = [
  ...['', 'x', 'null', '[]', '{', '5', '""', '\0', '{"a":'.repeat(500), '[1e999]'],
  ...['5', 'null', '{}', '[]', 'true', '""', '"bare:"'].map((id) => `{"pattern":"x","data":{},"id":${id}}`),
];
/** Routes that redirect by their purpose. */
const REDIRECTING = ['/enter', '/login/oidc', '/login/oidc/callback'];
const INSIDES =
  /\n\s*at |node_modules|\.[jt]s:\d|\b(?:SELECT|INSERT INTO|DELETE FROM|UPDATE \w+ SET)\b|syntax error at|violates|DriverException|QueryFailed|relation "|\bpg_|ECONN/;
/** Words of the libraries that read what was sent. */
const LIBRARIES =
  /\b(?:Invalid (?:input|option|string|discriminator|key|value)|expected|received|Unrecognized|Too (?:big|small)|Unexpected token|Cannot (?:GET|POST|PUT|PATCH|DELETE)|unsupported (?:charset|content))\b|in JSON at/i;
/** Secrets of this system, and the form of others. */
const SECRETS = /bad-input-admin-password|bad-input-password|tk[ls]_[0-9a-f]{32}_[0-9A-Za-z]{49}/;
const fieldError = z.object({ field: z.string().min(1), detail: z.string().min(1) });
const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string().refine(isProblemCode, 'is in no registry'),
    detail: z.string().min(1),
    errors: z.array(fieldError).min(1).optional(),
    requestId: z.string().min(1),
  })
  .refine(({ code, type }) => type === problemType(code), 'the type leads elsewhere')
  .refine(({ code, title }) => title === problems[code].title, 'another title')
  .refine(({ code, status }) => statusesOf(code).includes(status), 'another status')
  .refine(({ code, errors }) => code !== 'invalid-request' || errors, 'no field is named');

describe('bad input', () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  let system: System;
  let database: Client;
  let routes: Route[];
  const documents: Record<Service, Map<string, Operation>> = { identity: new Map(), tokens: new Map() };
  let known: Known;
  let pids: (number | undefined)[];
  const credentials = new Map<Actor, string>();
  const seen: Record<Service, string> = { identity: '0', tokens: '0' };
  /** The statuses that each route has answered with. */
  const statuses = new Map<string, Set<number>>();

  beforeAll(async () => {
    const env = {
      ...process.env,
      ADMIN_PASSWORD,
      DATABASE_URL: '',
      NATS_URL: '',
      LOGIN_ATTEMPTS_PER_ACCOUNT: ATTEMPTS,
      LOGIN_ATTEMPTS_PER_ADDRESS: ATTEMPTS,
      LOGIN_ATTEMPTS_PER_ACCOUNT_HOURLY: ATTEMPTS,
    };
    system = await startSystem({ dataDir: await newDataDir('bad-input'), ports: 'free', fsync: false, env });
    database = new Client(system.databaseUrl);
    await database.connect();
    routes = [...(await routesOf('identity')), ...(await routesOf('tokens'))];
    pids = [system.pid('identity'), system.pid('tokens')];

    await must('identity', 'POST', '/users', { username: 'ordinary', password: PASSWORD, mustChangePassword: false });
    const victims: string[] = [];
    for (const username of ['victim-1', 'victim-2', 'victim-3']) {
      victims.push((await must('identity', 'POST', '/users', { username })).id);
    }
    const password = ADMIN_PASSWORD;
    const created = await Promise.all(
      victims.map((userId) =>
        must('tokens', 'POST', '/admin/tokens', { userId, description: 'a victim’s', scopes: ['rest'], password }),
      ),
    );
    const tokenIds: string[] = created.map(({ token }) => token.id);
    const sessions = (await must('tokens', 'GET', '/sessions')).items as { id: string; user: string }[];
    const stranger = '01997c9e-1111-7111-8111-111111111111';
    const admin = (await must('identity', 'GET', '/me')).user.id as string;
    known = {
      id: fc.constantFrom(...victims, ...tokenIds, admin, stranger, ...sessions.map(({ id }) => id)),
      userId: fc.constantFrom(...victims, stranger),
      sessionId: fc.constantFrom(...sessions.map(({ id }) => id), stranger),
      password: fc.constantFrom(ADMIN_PASSWORD, PASSWORD, 'wrong-password'),
      actorPassword: fc.constantFrom(ADMIN_PASSWORD, PASSWORD, 'wrong-password'),
      scopes: fc.constantFrom(['rest'], ['rest', 'reports'], []),
      token: fc.constantFrom(...tokenIds, created[0]?.secret as string),
      access_token: fc.constantFrom(...created.map(({ secret }) => secret as string)),
      user: fc.constantFrom('admin', 'ordinary', admin),
      userVersion: fc.constantFrom(1, 2),
    };
    await appended();
  });
  afterAll(async () => {
    agent.destroy();
    await database?.end();
    await system?.stop();
  });

  it.each(['identity', 'tokens'] as const)(
    'every route of %s answers it with 2xx or a problem, and a refused command appends nothing',
    async (service) => {
      const failures: string[] = [];
      for (const route of routes.filter((each) => each.service === service)) {
        const property = fc.asyncProperty(fc.constantFrom(...actors), callOf(route, known), async (actor, call) => {
          await hold(route, call, actor);
        });
        await fc.assert(property, { numRuns: RUNS }).catch((error: Error) => {
          // The cause says what was promised and not held, the message how to have it again.
          failures.push(`${route.method} ${route.path}: ${String(error.cause)}\n${error.message}`);
        });
      }
      expect(failures).toEqual([]);
      const told = [...statuses].filter(([route]) => route.startsWith(service)).map(([, each]) => [...each]);
      // Otherwise it would be the guards alone that were tried.
      expect(told.filter((each) => each.some((status) => status < 300)).length).toBeGreaterThan(told.length / 2);
      expect(told.filter((each) => each.every((status) => status === 401))).toEqual([]);
    },
    90 * SECONDS,
  );

  it(
    'a body that is cut off, too large, of another type or none at all',
    async () => {
      for (const route of routes.filter(({ operation }) => operation.requestBody)) {
        const path = fill(route.path, '01997c9e-2222-7222-8222-222222222222');
        for (const { type, body, encoding } of brokenBodies) {
          const headers = { ...(type && { 'content-type': type }), ...(encoding && { 'content-encoding': encoding }) };
          await hold(route, { method: route.method, path, headers, body }, 'an admin');
        }
        for (const actor of ['an admin', 'nobody'] as const) {
          const headers = { 'content-type': 'application/json' };
          const answer = await hold(route, { method: route.method, path, headers, body: tooLarge }, actor);
          expect([route.path, answer.status]).toEqual([route.path, 413]);
        }
      }
    },
    60 * SECONDS,
  );

  it('a method that a route does not have', async () => {
    const offered = new Map<string, Set<string>>();
    for (const { service, path, method } of routes) {
      const key = `${service} ${path}`;
      offered.set(key, (offered.get(key) ?? new Set()).add(method));
    }
    const tried = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY', 'PURGE'];
    for (const route of routes) {
      const methods = offered.get(`${route.service} ${route.path}`);
      for (const method of tried.filter((each) => METHODS.includes(each) && !methods?.has(each))) {
        // No command that exists for another path may be hit: `/tokens/{id}` matches `/tokens/self` too.
        const path = fill(route.path, '01997c9e-2222-7222-8222-222222222222');
        const { status, headers } = await hold({ ...route, method }, { method, path }, 'nobody');
        if (status !== 405 && status !== 204) continue;
        const allow = String(headers.allow).split(', ');
        expect([method, path, allow]).toEqual([method, path, expect.arrayContaining([...(methods ?? []), 'OPTIONS'])]);
      }
    }
  });

  it('whatever is presented as a credential, alone or beside others', async () => {
    const secret = await credentialOf('a token');
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const value = fc.oneof(nastyText, fc.constant(secret), fc.constant(`${secret}x`)).map(percentDecodable);
    const name = fc.oneof(nastyText, fc.constantFrom('admin', 'ADMIN', 'ordinary', 'a'.repeat(129), 'ad\0min'));
    const basic = fc.tuple(name, fc.oneof(nastyText, fc.constant(secret)));
    const scheme = fc.constantFrom('Bearer', 'bearer', 'token', 'Basic', 'Digest', 'Negotiate', '');
    const header = fc.oneof(
      fc.tuple(scheme, value).map(([word, text]) => ({ authorization: `${word} ${text}` })),
      basic.map(([user, password]) => ({ authorization: `Basic ${base64(`${user}:${password}`)}` })),
      fc
        .uint8Array({ maxLength: 30 })
        .map((bytes) => ({ authorization: `Basic ${Buffer.from(bytes).toString('base64')}` })),
      value.map((text) => ({ 'auth-token': text })),
      value.map((text) => ({ cookie: `session=${text}; session=x; =; ;;` })),
      value.map((text) => ({ 'x-forwarded-for': text, 'x-forwarded-method': text, 'x-forwarded-host': text })),
    );
    const route = fc.constantFrom(...routes.filter(({ method, path }) => method === 'GET' && !path.includes('{')));
    const property = fc.asyncProperty(route, fc.array(header, { minLength: 1, maxLength: 2 }), async (to, headers) => {
      const given = Object.assign({}, ...headers) as Record<string, string>;
      await hold(to, { method: 'GET', path: to.path, headers: given }, 'nobody');
    });
    await fc.assert(property, { numRuns: 10 * RUNS });
  });

  it('a name, an instant or a place in a list that a database would stumble over', async () => {
    const secret = await credentialOf('a token');
    const cursor = (place: unknown) => `cursor=${Buffer.from(JSON.stringify(place)).toString('base64url')}`;
    const id = '01997c9e-2222-7222-8222-222222222222';
    const tried: [Service, string][] = [
      ...['9999-12-31T23:59:59-23:59', '0000-01-01T00:00:00Z', '0001-01-01T00:00:00%2b23:59'].flatMap(
        (at): [Service, string][] => [
          ['tokens', `/admin/audit?from=${at}`],
          ['tokens', `/admin/audit?to=${at}`],
          ['tokens', `/admin/tokens?asOf=${at}`],
        ],
      ),
      ['tokens', '/admin/tokens?user=%00'],
      ['tokens', '/admin/tokens?q=a%00b'],
      ['tokens', '/sessions?user=%00'],
      ['tokens', '/admin/audit?actor=%00'],
      ['tokens', '/admin/audit?type=%00'],
      ['tokens', `/admin/audit?${cursor({ transactionId: '99999999999999999999', position: '1' })}`],
      ['tokens', `/admin/audit?${cursor({ transactionId: '1', position: '9223372036854775808' })}`],
      ['tokens', `/admin/tokens?sort=createdAt&${cursor(['createdAt', 'nonsense', id])}`],
      ['tokens', `/admin/tokens?sort=useCount&${cursor(['useCount', '1e9', id])}`],
      ['tokens', `/admin/tokens?sort=user&${cursor(['user', '\0', id])}`],
      ['tokens', `/admin/tokens?sort=user&${cursor(['useCount', '1', id])}`],
      ['identity', '/users?q=%00'],
      ['identity', `/users?cursor=${Buffer.from('\0').toString('base64url')}`],
    ];
    for (const [service, path] of tried) {
      const route = { service, method: 'GET', path, operation: {} };
      const answer = await hold(route, { method: 'GET', path }, 'an admin');
      expect([path, answer.status]).toEqual([path, 400]);
    }
    // An empty name names nobody, and the token speaks for itself.
    for (const name of ['ad\0min', 'a'.repeat(129), '\ud800']) {
      const authorization = `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`;
      const route = { service: 'tokens', method: 'GET', path: '/tokens/self', operation: {} } as const;
      const answer = await hold(route, { method: 'GET', path: route.path, headers: { authorization } }, 'nobody');
      expect(JSON.parse(answer.body)).toMatchObject({ status: 401, code: 'unknown' });
    }
  });

  it('every request over NATS is answered in time, with a reply or an error that says what is wrong', async () => {
    const contracts = await requestContracts();
    expect(contracts.map(({ subject }) => subject)).toEqual(
      expect.arrayContaining([
        'tokens.verify',
        'internal.tokens.start-session',
        'internal.tokens.end-session',
        'internal.tokens.user-impact',
        'internal.identity.check-password',
      ]),
    );
    for (const contract of contracts) {
      const user = /^internal\.(tokens|deployment)\./.test(contract.subject)
        ? 'identity'
        : contract.subject.startsWith('internal.identity.')
          ? 'tokens'
          : 'guard';
      const nats = await connectNats(system.natsUrls[user], user, 'bad-input');
      try {
        const schema = z.toJSONSchema(contract.request, { io: 'input', unrepresentable: 'any' }) as Schema;
        // The ids in an envelope say how to reply: what is none must be answered as well.
        const envelope = fc
          .record({ pattern: brokenOf({}), data: brokenOf(schema, known), id: fc.oneof(nastyText, brokenOf({})) })
          .map((body) => JSON.stringify(body));
        const payload = fc.oneof(
          { weight: 8, arbitrary: brokenOf(schema, known).map((body) => JSON.stringify(body) ?? '') },
          { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }) },
          { weight: 2, arbitrary: envelope },
        );
        // All at once: a refusal may wait for what is on its way, and that must not add up.
        const asked = [...BROKEN_PAYLOADS, ...fc.sample(payload, { numRuns: 2 * RUNS })];
        const failures = await Promise.all(asked.map((each) => answered(nats, contract, each)));
        expect(failures.filter((failure) => failure !== null).slice(0, 3)).toEqual([]);
      } finally {
        await nats.close();
      }
    }
  });

  it('a request over NATS that is refused appends nothing', async () => {
    const identity = await connectNats(system.natsUrls.identity, 'identity', 'bad-input');
    const refused: [string, unknown][] = [
      ['internal.tokens.start-session', { with: 'password', userId: 'nobody', userVersion: 1, ip: null }],
      ['internal.tokens.start-session', { with: 'token', credential: 'garbage', username: 'admin', ip: null }],
      ['internal.tokens.start-session', { with: 'token', credential: 'garbage', username: 'a\0', ip: '\0' }],
      ['internal.tokens.end-session', { sessionId: '01997c9e-1111-7111-8111-111111111111', by: { kind: 'system' } }],
      ['internal.tokens.end-session', { sessionId: null, by: { kind: 'system' } }],
      ['internal.tokens.user-impact', { userId: 5 }],
    ];
    await appended();
    const before = await everything();
    for (const [subject, body] of refused) {
      const reply = (await identity.request(subject, JSON.stringify(body), { timeout: NATS_ANSWER_MS })).json();
      expect(requestError.safeParse(reply).success || (reply as { started?: boolean }).started === false).toBe(true);
    }
    await identity.close();
    expect(await everything()).toBe(before);
  });

  it('has left both services up, with nothing that they would call an error in their logs', async () => {
    for (const service of ['identity', 'tokens'] as const) {
      const answer = await send(service, { method: 'GET', path: '/health/ready' });
      expect(answer.status).toBe(200);
      const log = await readFile(join(system.logDir, `${service}.log`), 'utf8');
      const errors = log.split('\n').filter((line) => /^\{"level":"(?:error|fatal)"/.test(line));
      expect(errors).toEqual([]);
    }
    expect([system.pid('identity'), system.pid('tokens')]).toEqual(pids);
  });

  /** Sends a call and holds its answer, and what it left in the logs, against what is promised. */
  async function hold(route: Route, call: Call, actor: Actor): Promise<Answer> {
    const credential = actor === 'nobody' ? null : await credentialOf(actor);
    await appended();
    const headers = { ...(credential && { authorization: `Bearer ${credential}` }), ...call.headers };
    const answer = await send(route.service, { ...call, headers });
    const { status, body } = answer;
    const told = `${route.service} ${call.method} ${call.path} as ${actor} → ${status} ${body.slice(0, 300)}`;
    const key = `${route.service} ${route.method} ${route.path}`;
    statuses.set(key, (statuses.get(key) ?? new Set()).add(status));
    // Logged out, revoked, refreshed: the next call comes with another.
    if (status === 401 || route.path === '/logout') credentials.delete(actor);

    const allowed =
      status < 300 || (status >= 400 && status < 500) || (status < 400 && REDIRECTING.includes(route.path));
    if (!allowed) throw new Error(`neither 2xx nor 4xx: ${told}`);
    if (status >= 400) {
      if (call.method !== 'HEAD') {
        if (!answer.type.startsWith('application/problem+json'))
          throw new Error(`no problem but ${answer.type}: ${told}`);
        const parsed = problem.safeParse(JSON.parse(body));
        if (!parsed.success) throw new Error(`no problem: ${parsed.error.message}: ${told}`);
        if (parsed.data.status !== status) throw new Error(`another status in the body: ${told}`);
        if (INSIDES.test(body)) throw new Error(`insides are shown: ${told}`);
        if (LIBRARIES.test(body)) throw new Error(`a library speaks: ${told}`);
        if (SECRETS.test(body)) throw new Error(`a secret is repeated: ${told}`);
      }
      if (status === 405 && !answer.headers.allow) throw new Error(`405 without Allow: ${told}`);
      if ((status === 429 || status === 503) && !answer.headers['retry-after']) {
        throw new Error(`not said when to ask again: ${told}`);
      }
      const code = call.method === 'HEAD' ? undefined : JSON.parse(body).code;
      const wrong =
        code &&
        undocumented(documents[route.service], call.method, call.path, {
          status,
          type: mediaTypeOf(answer.type),
          code,
        });
      if (wrong) throw new Error(`${wrong}: ${told}`);
      if (status === 401 && !answer.headers['www-authenticate']) throw new Error(`401 without a challenge: ${told}`);
      const events = await appended();
      if (events.length > 0) throw new Error(`refused, and yet appended ${events.join(', ')}: ${told}`);
    }
    return answer;
  }

  /**
   * What commands have appended to both logs since the last look. Left out: uses and refusals, which are notes about a
   * credential, and what reactions and the clock append in their own time.
   */
  async function appended(): Promise<string[]> {
    const types: string[] = [];
    for (const service of ['identity', 'tokens'] as const) {
      const { rows } = await database.query<{ position: string; type: string }>(
        `SELECT position::text, type FROM ${service}.events
         WHERE position > $1 AND type NOT IN ('token-used', 'token-refused')
           AND metadata->'by'->>'kind' = 'user' AND NOT metadata ? 'causedBy'
         ORDER BY events.position`,
        [seen[service]],
      );
      seen[service] = rows.at(-1)?.position ?? seen[service];
      types.push(...rows.map(({ type }) => type));
    }
    return types;
  }

  /** How many events there are in both logs, whoever caused them. */
  async function everything(): Promise<string | undefined> {
    const { rows } = await database.query<{ count: string }>(
      `SELECT (SELECT count(*) FROM tokens.events WHERE type NOT IN ('token-used', 'token-refused'))
         + (SELECT count(*) FROM identity.events) AS count`,
    );
    return rows[0]?.count;
  }

  async function credentialOf(actor: Exclude<Actor, 'nobody'>): Promise<string> {
    const held = credentials.get(actor);
    if (held) return held;
    const credential = actor === 'a token' ? await makeToken() : await logIn(actor);
    credentials.set(actor, credential);
    return credential;
  }

  async function logIn(actor: 'an admin' | 'a user'): Promise<string> {
    const [username, password] = actor === 'an admin' ? ['admin', ADMIN_PASSWORD] : ['ordinary', PASSWORD];
    const answer = await send('identity', json('POST', '/login', { username, password }));
    if (answer.status !== 200) throw new Error(`${actor} cannot log in: ${answer.status} ${answer.body}`);
    return JSON.parse(answer.body).session.credential;
  }

  async function makeToken(): Promise<string> {
    const scopes = ['tokens', 'introspect', 'rest'];
    return (await must('tokens', 'POST', '/tokens', { description: 'bad input', scopes, password: ADMIN_PASSWORD }))
      .secret;
  }

  /** A call as an admin that has to work. */
  // biome-ignore lint/suspicious/noExplicitAny: read as any other program would, without our types
  async function must(service: Service, method: string, path: string, body?: unknown): Promise<any> {
    const call = body === undefined ? { method, path } : json(method, path, body);
    const headers = { ...call.headers, authorization: `Bearer ${await credentialOf('an admin')}` };
    const answer = await send(service, { ...call, headers });
    if (answer.status >= 300) throw new Error(`${method} ${path} → ${answer.status} ${answer.body}`);
    return answer.body ? JSON.parse(answer.body) : undefined;
  }

  /** Below `fetch`, which would put the path and the headers right first. */
  function send(service: Service, { method, path, headers = {}, body }: Call): Promise<Answer> {
    const { hostname, port } = new URL(system[service].url);
    return new Promise((resolve, reject) => {
      const length = body && { 'content-length': String(body.length) };
      const outgoing = request(
        { agent, hostname, port, method, path, headers: { ...headers, ...length } },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
          incoming.on('error', reject);
          incoming.on('end', () =>
            resolve({
              status: incoming.statusCode ?? 0,
              type: incoming.headers['content-type'] ?? '',
              headers: incoming.headers,
              body: Buffer.concat(chunks).toString(),
            }),
          );
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  async function routesOf(service: Service): Promise<Route[]> {
    const answer = await send(service, { method: 'GET', path: '/openapi.json' });
    const operations = operationsOf(JSON.parse(answer.body));
    documents[service] = operations;
    return [...operations].map(([route, operation]) => {
      const [method = '', path = ''] = route.split(' ');
      return { service, method, path, operation };
    });
  }
});

/** A call of a route with parts of it broken. */
function callOf({ method, path, operation }: Route, known: Known): fc.Arbitrary<Call> {
  const parameters = operation.parameters ?? [];
  const text = (schema: Schema = {}, name: string) =>
    fc.oneof(
      { weight: 3, arbitrary: valueFor(schema, known, name).map((value) => percentEncode(String(value))) },
      { weight: 3, arbitrary: nastyText.map(percentEncode) },
      { weight: 1, arbitrary: badEncoding },
      ...(name === 'cursor' ? [{ weight: 4, arbitrary: nastyCursor }] : []),
    );
  const inPath = parameters.filter((each) => each.in === 'path');
  const inQuery = parameters.filter((each) => each.in === 'query');
  const ids = fc.tuple(
    ...inPath.map(({ schema, name }) =>
      fc.oneof(
        { weight: 3, arbitrary: valueFor(schema ?? {}, known, name).map(String) },
        { weight: 1, arbitrary: text(schema, name) },
      ),
    ),
  );
  const pair = fc.oneof(
    ...inQuery.map(({ schema, name }) => ({
      weight: 3,
      arbitrary: text(schema, name).map((value) => `${name}=${value}`),
    })),
    {
      weight: 1,
      arbitrary: fc.constantFrom('x=1', '__proto__=1', 'constructor[prototype]=1', '=', '%', 'auth_token=x', 'a[]=1'),
    },
  );
  // Twice the same name among them: a list where one value is expected.
  const pairs = fc.array(pair, { maxLength: 4 }).map((each) => (each.length > 0 ? `?${each.join('&')}` : ''));
  // Where every field would be unknown, most calls have none.
  const query = inQuery.length > 0 ? pairs : fc.oneof({ weight: 4, arbitrary: fc.constant('') }, pairs);
  const content = Object.entries(operation.requestBody?.content ?? {})[0];
  const body = content
    ? brokenOf(content[1].schema ?? {}, known).map((value) => encodeBody(content[0], value))
    : fc.constant(undefined);
  const extra = fc.oneof(
    { weight: 6, arbitrary: fc.constant({}) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        { origin: 'null' },
        { cookie: 'session=%00' },
        { accept: 'x/y' },
        { range: 'bytes=9-1' },
      ),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        { 'x-forwarded-for': 'a, b' },
        { 'if-match': '*' },
        { 'sec-fetch-site': 'cross-site' },
      ),
    },
  );
  return fc.tuple(ids, query, body, extra).map(([values, search, encoded, headers]) => ({
    method,
    path: values.reduce((whole, value) => whole.replace(/\{\w+\}/, () => value), path) + search,
    headers: { ...headers, ...(encoded && { 'content-type': content?.[0] ?? '' }) } as Record<string, string>,
    ...(encoded && { body: encoded }),
  }));
}

function encodeBody(type: string, value: unknown): Buffer {
  if (type === 'application/json' || typeof value !== 'object' || value === null) {
    return Buffer.from(JSON.stringify(value) ?? '');
  }
  const pairs = Object.entries(value).map(
    ([name, each]) => `${percentEncode(name)}=${percentEncode(String(textual(each)))}`,
  );
  return Buffer.from(pairs.join('&'));
}

/** Objects without a usable `toString` have none in a form either. */
function textual(value: unknown): unknown {
  return typeof value === 'object' ? JSON.stringify(value) : value;
}

function fill(path: string, id: string): string {
  return path.replaceAll(/\{\w+\}/g, id);
}

function json(method: string, path: string, body: unknown): Call {
  return { method, path, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(body)) };
}

/** As a header's value may be: Node sends no other. */
function percentDecodable(text: string): string {
  return text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '?');
}

/** Sends a request. @returns what is wrong with its answer, or null */
async function answered(
  nats: NatsConnection,
  contract: RequestContract,
  payload: string | Uint8Array,
): Promise<string | null> {
  const told = `${contract.subject} ← ${typeof payload === 'string' ? payload.slice(0, 300) : `bytes ${payload}`}`;
  let reply: unknown;
  try {
    reply = (await nats.request(contract.subject, payload, { timeout: NATS_ANSWER_MS })).json();
  } catch (error) {
    return `${told}: ${(error as Error).message}`;
  }
  const body = typeof reply === 'object' && reply !== null && 'response' in reply ? reply.response : reply;
  const error = requestError.safeParse(body);
  if (error.success && error.data.error.code === 'internal-error') return `${told}: ${JSON.stringify(body)}`;
  if (INSIDES.test(JSON.stringify(body))) return `${told}: insides are shown: ${JSON.stringify(body)}`;
  if (error.success) {
    const { code, detail, errors = [] } = error.data.error;
    const said = JSON.stringify(body);
    if (!isProblemCode(code)) return `${told}: a code in no registry: ${said}`;
    if (code === 'invalid-request' && !z.array(fieldError).min(1).safeParse(errors).success) return `${told}: ${said}`;
    if (LIBRARIES.test([detail, ...errors.map((each) => each.detail)].join())) return `${told}: a library: ${said}`;
    if (SECRETS.test(said)) return `${told}: a secret is repeated: ${said}`;
  }
  return error.success || contract.reply.safeParse(body).success ? null : `${told}: no reply: ${JSON.stringify(body)}`;
}

/** Every request that `libs/contracts` declares. */
async function requestContracts(): Promise<RequestContract[]> {
  const folder = join(root, 'libs', 'contracts');
  const files = (await readdir(folder, { recursive: true })).filter((file) => /(?<!\.spec)\.ts$/.test(file));
  const modules = await Promise.all(
    files.map(
      (file) => import(`@tokenlog/contracts/${file.replace(/\.ts$/, '.js')}`) as Promise<Record<string, unknown>>,
    ),
  );
  return modules.flatMap((module) => Object.values(module)).filter(isRequest);
}

function isRequest(value: unknown): value is RequestContract {
  return typeof value === 'object' && value !== null && 'subject' in value && 'request' in value && 'reply' in value;
}
