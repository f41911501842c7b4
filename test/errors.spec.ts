import { request } from 'node:http';
import { PROBLEMS_PAGE, type ProblemBody, problems } from '@tokenlog/contracts/problems.js';
import { ADMIN_PASSWORD, WholeSystem } from './support/whole-system.js';

const services = ['identity', 'tokens', 'example'] as const;
type Service = (typeof services)[number];
const ID = '01997c9e-2222-7222-8222-222222222222';
const SECRET = 'a-secret-that-was-put-in-the-wrong-place';
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

interface Route {
  readonly service: Service;
  readonly path: string;
  readonly method: string;
  readonly takes: readonly string[];
}
interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}
interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

describe('errors of a running system', () => {
  let whole: WholeSystem;
  const routes: Route[] = [];

  beforeAll(async () => {
    whole = await WholeSystem.start('errors');
    for (const service of services) {
      const { paths } = (await whole[service]('GET', '/openapi.json')).body;
      for (const [path, operations] of Object.entries<Record<string, { requestBody?: { content: object } }>>(paths)) {
        for (const [method, { requestBody }] of Object.entries(operations)) {
          routes.push({ service, path, method: method.toUpperCase(), takes: Object.keys(requestBody?.content ?? {}) });
        }
      }
    }
    expect(routes.length).toBeGreaterThan(60);
  });
  afterAll(() => whole?.stop());

  /** Below `fetch`, which writes paths and headers its own way. */
  function send(service: Service, method: string, path: string, { headers = {}, body }: Sent = {}): Promise<Answer> {
    const { hostname, port } = new URL(whole.system[service].url);
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    return new Promise((resolve, reject) => {
      const outgoing = request(
        { hostname, port, method, path, agent: false, headers: { ...length, ...headers } },
        (incoming) => {
          let text = '';
          incoming.setEncoding('utf8').on('data', (part) => {
            text += part;
          });
          incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text }));
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }
  const asAdmin = () => ({ authorization: `Bearer ${whole.admin}` });
  const problemOf = ({ text }: Answer) => JSON.parse(text) as ProblemBody;
  const addressOf = ({ path }: Route) => path.replaceAll(/\{\w+\}/g, ID);

  it.each(services)('the type of a problem of %s leads to its code on a page of that service', async (service) => {
    const url = new URL('/nope/deeper', whole.system[service].url);
    const body = (await (await fetch(url)).json()) as ProblemBody;
    expect(body).toMatchObject({ status: 404, code: 'not-found', title: problems['not-found'].title });

    const page = new URL(body.type, url);
    const answer = await fetch(page);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const text = await answer.text();
    for (const code of Object.keys(problems)) expect(text).toContain(`<h3 id="${code}">`);
    expect(page.hash).toBe('#not-found');
    const guarded = service === 'example' ? '/' : service === 'tokens' ? '/tokens' : '/me';
    expect(problemOf(await send(service, 'GET', guarded)).type).toBe(`${PROBLEMS_PAGE}#credential-missing`);
  });

  it('a method that an address does not have is a 405 whose Allow names those that it has, at every address', async () => {
    for (const route of routes) {
      const address = addressOf(route);
      const matching = routes.filter(
        (each) =>
          each.service === route.service && new RegExp(`^${each.path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(address),
      );
      const has = new Set(matching.map(({ method }) => method));
      if (has.has('GET')) has.add('HEAD');
      has.add('OPTIONS');
      const allow = [...has].sort().join(', ');
      for (const method of METHODS.filter((each) => !has.has(each))) {
        const answer = await send(route.service, method, address);
        expect([method, address, answer.status, answer.headers.allow]).toEqual([method, address, 405, allow]);
        if (method !== 'HEAD') expect(problemOf(answer)).toMatchObject({ code: 'method-not-allowed' });
      }
      const options = await send(route.service, 'OPTIONS', address);
      expect([address, options.status, options.headers.allow]).toEqual([address, 204, allow]);
      expect(options.headers['access-control-allow-origin']).toBeUndefined();
    }
    for (const path of ['/nope', '/tokens/a/b/c', '/docs/errors/x']) {
      for (const method of METHODS.filter((each) => each !== 'HEAD')) {
        expect(problemOf(await send('tokens', method, path))).toMatchObject({ status: 404, code: 'not-found' });
      }
    }
  });

  it('a body of another type is a 415 on every route that takes one, and one of no type', async () => {
    // Of others a form is the way of the caller's token alone (S3).
    const taking = routes.filter(
      ({ takes, path }) => takes.includes('application/json') || path.startsWith('/oauth2/'),
    );
    expect(taking.length).toBeGreaterThan(15);
    for (const route of taking) {
      const json = route.takes.includes('application/json');
      const bodies: [string | undefined, string][] = [
        ['text/plain', '{}'],
        ['application/xml', '<a/>'],
        ['multipart/form-data; boundary=x', '--x--'],
        ['application/jsonx', '{}'],
        [undefined, '{}'],
        json ? ['application/x-www-form-urlencoded', `password=${SECRET}`] : ['application/json', `{"a":"${SECRET}"}`],
      ];
      for (const [type, body] of bodies.filter(([type]) => !route.takes.includes(type ?? ''))) {
        const headers = { ...asAdmin(), ...(type && { 'content-type': type }) };
        const answer = await send(route.service, route.method, addressOf(route), { headers, body });
        const { code } = problemOf(answer);
        expect([route, type, answer.status, code]).toEqual([route, type, 415, 'unsupported-media-type']);
        expect(answer.text).not.toContain(SECRET);
      }
    }
  });

  it('a body of another type is a 415 too where none is taken, and nothing is done', async () => {
    const none = routes.filter(({ method, takes }) => method !== 'GET' && takes.length === 0);
    expect(none.length).toBeGreaterThan(1);
    for (const route of none) {
      const headers = { ...asAdmin(), 'content-type': 'text/plain' };
      const answer = await send(route.service, route.method, addressOf(route), { headers, body: '{"x":1}' });
      expect([route, answer.status, problemOf(answer).code]).toEqual([route, 415, 'unsupported-media-type']);
    }
  });

  it('a form that holds the token alone is no other type (S3)', async () => {
    const body = `auth_token=${whole.admin}`;
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await send('tokens', 'POST', '/tokens', { headers, body });
    expect(problemOf(answer)).toMatchObject({ code: 'invalid-request' });
  });

  it.each(services)('what does not parse has one code at %s, whatever is wrong with it', async (service) => {
    const type = (value: string, more = {}) => ({ headers: { 'content-type': value, ...more } });
    const json = type('application/json');
    const bytes = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
    const tried: [string, Sent][] = [
      ['/', { ...json, body: `{"password":"${SECRET}` }],
      ['/', { ...json, body: SECRET }],
      ['/', { ...json, body: bytes }],
      ['/', { ...type('application/json; charset=klingon'), body: '{}' }],
      ['/', { ...type('application/json', { 'content-encoding': 'zip' }), body: '{}' }],
      ['/', { ...type('application/json', { 'content-encoding': 'gzip' }), body: '{}' }],
      ['/', { ...type('application/x-www-form-urlencoded'), body: `a=%zz&password=${SECRET}` }],
      ['/%ff', {}],
      [`/nope/%zz?x=${SECRET}`, {}],
      [`/tokens/%E0%A4%A?x=${SECRET}`, {}],
      ['/?q=%', {}],
    ];
    for (const [path, sent] of tried) {
      const answer = await send(service, 'POST', path, sent);
      const { code } = problemOf(answer);
      expect([path, sent.headers, answer.status, code]).toEqual([path, sent.headers, 400, 'bad-request']);
      expect(answer.text).not.toContain(SECRET);
    }
  });

  it.each<[Service, string, string, unknown, string[]]>([
    ['identity', 'GET', '/users/x', undefined, ['id: not an id']],
    ['tokens', 'GET', '/tokens/x', undefined, ['id: not an id']],
    ['tokens', 'GET', '/tokens?limit=many', undefined, ['limit: not a whole number']],
    ['tokens', 'GET', '/tokens?limit=0x10', undefined, ['limit: not a whole number']],
    ['tokens', 'GET', '/tokens?limit=', undefined, ['limit: not a whole number']],
    ['identity', 'GET', '/users?limit=1e2', undefined, ['limit: not a whole number']],
    ['tokens', 'GET', '/admin/audit?limit=%205', undefined, ['limit: not a whole number']],
    ['tokens', 'GET', '/tokens?limit=501', undefined, ['limit: more than 500']],
    ['tokens', 'GET', '/admin/tokens?user=', undefined, ['user: is empty']],
    ['tokens', 'POST', '/tokens', null, ['body: not an object']],
    ['tokens', 'POST', '/tokens', 'text', ['body: not an object']],
    ['identity', 'PATCH', '/me', 7, ['body: not an object']],
    ['identity', 'POST', '/login', true, ['body: not an object']],
    ['identity', 'POST', '/login', { username: 'ada', password: 'x\ud800' }, ['password: must be Unicode text']],
    [
      'identity',
      'POST',
      '/users',
      { username: 'half', password: 'long enough\udfff' },
      ['password: must be Unicode text'],
    ],
    [
      'tokens',
      'POST',
      '/tokens',
      { description: 'x', scopes: [], password: '\ud801' },
      ['password: must be Unicode text'],
    ],
    ['tokens', 'GET', '/admin/audit?format=xml', undefined, ['format: not one of json, jsonl, csv']],
    [
      'tokens',
      'GET',
      '/admin/audit?token=x&from=yesterday',
      undefined,
      ['token: not an id', 'from: must be an RFC 3339'],
    ],
    ['tokens', 'GET', '/tokens?a-b-c=1', undefined, ['query: has a field that is not known here']],
    ['identity', 'POST', '/login', [], ['body: not an object']],
    ['identity', 'POST', '/login', {}, ['username: is missing', 'password: is missing']],
    ['identity', 'POST', '/users', { username: 7 }, ['username: not a text']],
    ['tokens', 'POST', '/tokens', { description: 'x', scopes: 'rest' }, ['scopes: not a list']],
    ['tokens', 'POST', '/tokens', { description: 'x', scopes: ['rest', 5] }, ['scopes.1: not a text']],
    ['identity', 'GET', '/users?cursor=x', undefined, ['cursor: is not one']],
    ['tokens', 'GET', '/tokens?cursor=x', undefined, ['cursor: is not a']],
  ])('%s %s %s %j names each field in words of our own', async (service, method, path, json, wrong) => {
    const body = json === undefined ? undefined : JSON.stringify(json);
    const headers = { ...asAdmin(), ...(body && { 'content-type': 'application/json' }) };
    const answer = await send(service, method, path, { headers, body });
    expect(answer.status).toBe(400);
    const told = problemOf(answer).errors?.map(({ field, detail }) => `${field}: ${detail}`) ?? [];
    expect(told.map((each, at) => each.slice(0, wrong[at]?.length))).toEqual(wrong);
    expect(new Set(told.map((each) => each.split(':')[0])).size).toBe(told.length);
  });

  it('what Node would answer by itself is a problem too', async () => {
    const odd: Record<string, string>[] = [{ expect: 'what is not' }, { upgrade: 'websocket', connection: 'Upgrade' }];
    for (const headers of odd) {
      expect(problemOf(await send('tokens', 'GET', '/tokens', { headers }))).toMatchObject({ status: 401 });
    }
    const large = await send('tokens', 'GET', '/tokens', { headers: { 'x-large': 'x'.repeat(20_000) } });
    expect(problemOf(large)).toMatchObject({ status: 431, code: 'request-header-fields-too-large' });
  });

  it('a 429 says when to ask again', async () => {
    const body = JSON.stringify({ username: 'nobody-at-all', password: 'wrong' });
    for (let tries = 0; tries < 50; tries++) {
      const answer = await send('identity', 'POST', '/login', {
        headers: { 'content-type': 'application/json' },
        body,
      });
      if (answer.status !== 429) continue;
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      return;
    }
    throw new Error(`never throttled, with the admin's password ${ADMIN_PASSWORD.length} characters long`);
  });
});
