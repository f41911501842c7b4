import { Agent, request } from 'node:http';
import { WholeSystem } from './support/whole-system.js';

const SECRET = `tkl_${'a'.repeat(32)}_${'b'.repeat(49)}`;
/** Callers of these add what is not read there: probes, monitors, and by OAuth everybody. */
const TOLERANT = [
  '/health/live',
  '/health/ready',
  '/metrics',
  '/oauth2/introspect',
  '/oauth2/revoke',
  '/.well-known/oauth-authorization-server',
  '/login/oidc/callback',
];

interface Route {
  readonly service: 'identity' | 'tokens';
  readonly method: string;
  readonly path: string;
}

describe('fields that are not known', () => {
  let whole: WholeSystem;
  const routes: Route[] = [];

  beforeAll(async () => {
    whole = await WholeSystem.start('unknown-fields');
    for (const service of ['identity', 'tokens'] as const) {
      const { paths } = (await whole[service]('GET', '/openapi.json')).body;
      for (const [path, methods] of Object.entries<object>(paths)) {
        for (const method of Object.keys(methods)) {
          if (!TOLERANT.includes(path)) routes.push({ service, method: method.toUpperCase(), path: pathOf(path) });
        }
      }
    }
    expect(routes.length).toBeGreaterThan(40);
  });
  afterAll(() => whole?.stop());

  const ask = (route: Route, query: string, body?: string): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      const url = new URL(`${route.path}${query}`, whole.system[route.service].url);
      const headers = {
        Authorization: `Bearer ${whole.admin}`,
        ...(body && { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }),
      };
      const asked = request(url, { method: route.method, headers, agent: new Agent() }, (response) => {
        let text = '';
        response.on('data', (part) => {
          text += part;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      asked.on('error', reject);
      asked.end(body);
    });

  it.each(['extra', '__proto__', 'constructor', 'toString'])(
    '%s in a query or a body is a 400 that names it, on every route',
    async (name) => {
      for (const route of routes) {
        const query = await ask(route, `?${name}=1`);
        expect({ route, ...query }).toMatchObject({ status: 400, text: expect.stringContaining(`"field":"${name}"`) });
        if (route.method === 'GET') continue;
        const body = await ask(route, '', `{"${name}":{"a":1}}`);
        expect({ route, ...body }).toMatchObject({ status: 400, text: expect.stringContaining(`"field":"${name}"`) });
      }
    },
  );

  it('what may be a secret in the wrong place is repeated nowhere', async () => {
    const nowhere = ['/nope', '/tokens/nope/nope', '/users/x/y/z', '/%ff', '/nope/%zz'];
    const paths = [...nowhere.map((path) => ({ service: 'tokens' as const, method: 'GET', path })), ...routes];
    for (const route of paths) {
      for (const query of [
        `?access_token=${SECRET}`,
        `?${SECRET}`,
        `?${SECRET}=1`,
        `?cursor=${SECRET}`,
        `?limit=${SECRET}`,
      ]) {
        const { status, text } = await ask(route, query);
        expect({ route, query, status, told: text.includes(SECRET.slice(4)) }).toMatchObject({ told: false });
        expect(status).toBeGreaterThanOrEqual(400);
        expect(text).toContain('"code"');
      }
    }
    const denied = await ask(
      { service: 'identity', method: 'GET', path: '/login/oidc/callback' },
      '?error=my_secret_words',
    );
    expect(denied.text).not.toContain('my_secret');
  });

  it.each(TOLERANT.slice(0, 3))('%s answers whoever adds something', async (path) => {
    expect((await whole.tokens('GET', `${path}?t=1`)).status).toBe(200);
  });
});

/** With an id in the place of each parameter. */
function pathOf(path: string): string {
  return path.replaceAll(/\{\w+\}/g, '01997c9e-2222-7222-8222-222222222222');
}
