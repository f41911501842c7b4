import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigError } from '@tokenlog/platform/config.js';
import { readTokensConfig } from '../config/config.js';
import { call, sessionOf } from '../testing/http.js';
import { startTokenService, type TestTokenService } from '../testing/token-service.js';
import { askAll, Servers } from './servers.js';

const running: Server[] = [];

/** Another deployment, as far as anybody asks it. */
async function deployment(answer: RequestListener): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  running.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

afterAll(() => {
  for (const server of running) server.close().closeAllConnections();
});

const ready: RequestListener = (_, response) => void response.end('{"status":"ok"}');
const notReady: RequestListener = (_, response) => void response.writeHead(503).end();

describe('S38 the state of the servers', () => {
  it('is up for one that is ready, and down for one that is not, refuses, hangs or leads elsewhere', async () => {
    const [up, unready, hanging] = [await deployment(ready), await deployment(notReady), await deployment(() => {})];
    const leading = await deployment((_, response) =>
      response.writeHead(302, { location: `${up.url}/elsewhere` }).end(),
    );
    const names = { up: up.url, unready: unready.url, hanging: hanging.url, leading: leading.url };
    const servers = Object.entries({ ...names, gone: 'http://127.0.0.1:1' }).map(([name, url]) => ({ name, url }));
    const at = expect.stringMatching(/^\d{4}-.*Z$/);
    expect(await askAll('here', servers, 300, () => new Date())).toEqual([
      { name: 'here', url: null, self: true, state: 'up', checkedAt: at },
      { name: 'up', url: up.url, self: false, state: 'up', checkedAt: at },
      { name: 'unready', url: unready.url, self: false, state: 'down', checkedAt: at },
      { name: 'hanging', url: hanging.url, self: false, state: 'down', checkedAt: at },
      { name: 'leading', url: leading.url, self: false, state: 'down', checkedAt: at },
      { name: 'gone', url: 'http://127.0.0.1:1', self: false, state: 'down', checkedAt: at },
    ]);
    // Nobody followed the redirect.
    expect(up.asked).toEqual(['GET /health/ready']);
  });

  it('is asked of all at once: none is waited for before the next is asked', async () => {
    const waiting: (() => void)[] = [];
    // Each answers only when all three have been asked.
    const together: RequestListener = (_, response) => {
      waiting.push(() => response.end());
      if (waiting.length === 3) for (const answer of waiting) answer();
    };
    const servers = await Promise.all(
      ['a', 'b', 'c'].map(async (name) => ({ name, url: (await deployment(together)).url })),
    );
    expect((await askAll('here', servers, 5000, () => new Date())).map(({ state }) => state)).toEqual([
      'up',
      'up',
      'up',
      'up',
    ]);
  });

  it('is asked below a path, and this server’s own address may stand in the list', async () => {
    const up = await deployment(ready);
    const servers = [
      { name: 'here', url: 'https://here.example.org' },
      { name: 'there', url: `${up.url}/api` },
    ];
    expect(await askAll('here', servers, 1000, () => new Date())).toMatchObject([
      { name: 'here', url: 'https://here.example.org', self: true, state: 'up' },
      { name: 'there', self: false, state: 'up' },
    ]);
    expect(up.asked).toEqual(['GET /api/health/ready']);
  });

  it('is asked once for all who want to know at the time', async () => {
    const up = await deployment(ready);
    const servers = new Servers(
      { serverName: 'here', servers: [{ name: 'there', url: up.url }] } as never,
      { now: () => new Date() } as never,
    );
    const lists = await Promise.all([servers.list(), servers.list(), servers.list()]);
    await servers.list();
    expect(new Set(lists).size).toBe(1);
    expect(up.asked).toHaveLength(1);
  });
});

describe('S38 GET /servers', () => {
  let service: TestTokenService;

  beforeAll(async () => {
    const { url } = await deployment(ready);
    service = await startTokenService({ SERVER_NAME: 'main', SERVERS: `lab=${url}` });
  });
  afterAll(() => service.stop());

  it('lists this server and the configured others, for admins alone', async () => {
    const admin = await sessionOf(service, await service.register('chief', { roles: ['admin'] }));
    const { status, body } = await call(service, 'GET', '/servers', { as: admin });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      items: [
        { name: 'main', url: null, self: true, state: 'up' },
        { name: 'lab', self: false, state: 'up' },
      ],
    });
    const user = await sessionOf(service, await service.register('ada'));
    expect((await call(service, 'GET', '/servers', { as: user })).status).toBe(403);
    expect((await call(service, 'GET', '/servers')).status).toBe(401);
  });

  it('stands in the OpenAPI document', async () => {
    const { body } = await call(service, 'GET', '/openapi.json');
    expect(body.paths['/servers'].get.responses['200'].content).toBeDefined();
  });
});

describe('SERVERS', () => {
  const read = (SERVERS: string) =>
    readTokensConfig({
      DATABASE_URL: 'postgres://x',
      NATS_URL: 'nats://x',
      TOKEN_PEPPER: 'a pepper for tests only',
      SERVERS,
    }).servers;

  it('names deployments and their addresses', () => {
    expect(read('')).toEqual([]);
    expect(read('eu=https://eu.example.org/, lab eins=https://lab.example.org:8443/tokenlog/')).toEqual([
      { name: 'eu', url: 'https://eu.example.org' },
      { name: 'lab eins', url: 'https://lab.example.org:8443/tokenlog' },
    ]);
    expect(read('own=http://localhost:3000')).toEqual([{ name: 'own', url: 'http://localhost:3000' }]);
  });

  it.each([
    'https://eu.example.org',
    '=https://eu.example.org',
    'eu',
    'eu=',
    'eu=eu.example.org',
    'eu=http://eu.example.org',
    'eu=ftp://eu.example.org',
    'eu=https://ada:secret@eu.example.org',
    'eu=https://eu.example.org/?a=b',
    'eu=https://eu.example.org/#a',
    'eu=https://a.example.org,eu=https://b.example.org',
  ])('%j stops the start, is named, and its text is not repeated', (value) => {
    expect(() => read(value)).toThrow(ConfigError);
    expect(() => read(value)).toThrow(/^SERVERS is wrong: (must be name=https:\/\/address|names a server twice)/);
  });
});
