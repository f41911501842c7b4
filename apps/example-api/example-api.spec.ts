import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import supertest from 'supertest';
import { TestTokenService } from '../../libs/auth/testing/token-service.js';
import { eventually } from '../../test/support/eventually.js';
import { testNats } from '../../test/support/nats.js';
import { choosePort } from '../../tools/ports.js';

const main = fileURLToPath(new URL('../../dist/apps/example-api/main.js', import.meta.url));

/** The service as a process of its own, as `npm start` runs it. */
class Program {
  output = '';
  errors = '';
  private readonly child: ChildProcess;

  constructor(env: Record<string, string>) {
    this.child = spawn(process.execPath, [main], { env: { PATH: process.env.PATH, ...env }, stdio: 'pipe' });
    this.child.stdout?.on('data', (chunk) => (this.output += chunk));
    this.child.stderr?.on('data', (chunk) => (this.errors += chunk));
  }

  async exitCode(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'close');
    return this.child.exitCode;
  }

  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    await this.exitCode();
  }
}

describe('a running example-api', () => {
  let nats: Awaited<ReturnType<typeof testNats>>;
  let tokens: TestTokenService;
  let program: Program;
  let http: ReturnType<typeof supertest>;

  beforeAll(async () => {
    nats = await testNats();
    tokens = await TestTokenService.start(nats.urls.tokens);
    const port = await choosePort();
    program = new Program({ NATS_URL: nats.urls.guard, EXAMPLE_PORT: String(port), TRUSTED_PROXIES: '1' });
    http = supertest(`http://127.0.0.1:${port}`);
    await eventually(() => http.get('/health/ready').expect(200));
  });
  beforeEach(() => tokens.reset());
  afterAll(async () => {
    await program.stop();
    await tokens.connection.close();
    await nats.stop();
  });

  const answer = { user: { id: expect.any(String), username: 'ada', roles: ['operator'] }, scopes: ['rest'] };
  const bearer = (text: string) => `Bearer ${text}`;

  test('S1 S2 S4 answers who calls, however the token is presented', async () => {
    const text = tokens.token();
    const basic = Buffer.from(`ada:${text}`).toString('base64');
    for (const headers of [
      { Authorization: `token ${text}` },
      { Authorization: bearer(text) },
      { Authorization: `Basic ${basic}` },
      { 'Auth-Token': text },
    ]) {
      const response = await http.get('/').set(headers).expect(200);
      expect(response.body).toEqual(answer);
    }
  });

  test('S3 answers a POST that carries its token as a parameter', async () => {
    const text = tokens.token();
    for (const request of [
      http.post('/').type('form').send({ auth_token: text }),
      http.post('/').send({ auth_token: text }),
      http.post('/').query({ auth_token: text }),
    ]) {
      const response = await request.expect(200);
      expect(response.body).toEqual(answer);
    }
  });

  test('S33 refuses nothing, garbage, a token that is gone and one without the scope, each with its code', async () => {
    const gone = tokens.token();
    tokens.refuse(gone, 'revoked');
    for (const [header, status, code] of [
      [undefined, 401, 'credential-missing'],
      [bearer('garbage'), 401, 'malformed'],
      [bearer(gone), 401, 'revoked'],
      [bearer(tokens.token({ scopes: ['other'] })), 403, 'scope'],
    ] as const) {
      const response = await http.get('/').set(header ? { Authorization: header } : {});
      expect({ status: response.status, ...JSON.parse(response.text) }).toMatchObject({ status, code });
      expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
      expect(response.headers['www-authenticate']).toMatch(/^Bearer realm="example-api"/);
    }
  });

  test('S26 /admin is for admins', async () => {
    await http.get('/admin').set('Authorization', bearer(tokens.token())).expect(403);
    await http
      .get('/admin')
      .set('Authorization', bearer(tokens.token({ roles: ['admin'] })))
      .expect(200);
  });

  test("the caller's address is the one that the trusted proxy reports", async () => {
    await http
      .get('/')
      .set({ Authorization: bearer(tokens.token()), 'X-Forwarded-For': '192.0.2.7' })
      .expect(200);
    expect(tokens.requests[0]).toMatchObject({ service: 'example-api', ip: '192.0.2.7', scopes: ['rest'] });
  });

  test('health, metrics and the OpenAPI document are public', async () => {
    await http.get('/health/live').expect(200);
    await http.get('/metrics').expect(200);
    const { body } = await http.get('/openapi.json').expect(200);
    expect(Object.keys(body.paths)).toEqual(expect.arrayContaining(['/', '/admin', '/health/live', '/health/ready']));
    expect(tokens.requests).toEqual([]);
  });

  test('S7 it logs no token', async () => {
    const text = tokens.token();
    await http.post('/').query({ auth_token: text }).expect(200);
    await http
      .post('/')
      .query({ auth_token: `${text}x` })
      .expect(401);
    expect(program.output).toContain('example-api listens');
    expect(program.output + program.errors).not.toContain(text);
  });
});

test('without NATS it runs, is not ready, and refuses', async () => {
  const port = await choosePort();
  const program = new Program({ NATS_URL: 'nats://127.0.0.1:1', EXAMPLE_PORT: String(port) });
  const http = supertest(`http://127.0.0.1:${port}`);
  await eventually(() => http.get('/health/live').expect(200));
  await http.get('/health/ready').expect(503);
  const malformed = await http.get('/').set('Authorization', 'Bearer garbage');
  expect(malformed.status).toBe(401);
  await program.stop();
});

test('each wrong variable is one line on stderr, and the exit code is 1', async () => {
  const program = new Program({ NATS_URL: 'http://127.0.0.1', EXAMPLE_PORT: 'many', TRUSTED_PROXIES: '-1' });
  expect(await program.exitCode()).toBe(1);
  const lines = program.errors.trimEnd().split('\n');
  expect(lines.map((line) => line.split(' ')[0]).sort()).toEqual(['EXAMPLE_PORT', 'NATS_URL', 'TRUSTED_PROXIES']);
  expect(program.output).toBe('');
});

test('a taken port is named in one plain line, the last on stderr, and the exit code is 1', async () => {
  const taken = createServer().listen(0);
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  const program = new Program({ NATS_URL: 'nats://127.0.0.1:1', EXAMPLE_PORT: String(port) });
  expect(await program.exitCode()).toBe(1);
  // Before it, Nest logs the same in its words.
  expect(program.errors.trimEnd().split('\n').at(-1)).toBe(`port ${port} is taken`);
  taken.close();
});
