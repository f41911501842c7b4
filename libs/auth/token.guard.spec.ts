import { randomUUID } from 'node:crypto';
import { get, type IncomingMessage, type Server } from 'node:http';
import { Body, Controller, Get, type INestApplication, Post, Put, Query, Req, UseGuards } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import { formatCredential, generateSecret, parseCredential } from '@tokenlog/contracts/credential.js';
import { refusalReason } from '@tokenlog/contracts/tokens/verify.js';
import supertest from 'supertest';
import { testNats } from '../../test/support/nats.js';
import {
  AllowWhilePasswordChangeRequired,
  type AuthenticatedUser,
  type Authentication,
  AuthModule,
  CurrentAuthentication,
  CurrentUser,
  Public,
  RequireRoles,
  RequireScopes,
  SetsCookie,
  TokenGuard,
} from './index.js';
import { type Adapter, adapters, LogOfTest, startApp } from './testing/start-app.js';
import { TestTokenService } from './testing/token-service.js';

@Controller()
@UseGuards(TokenGuard)
@RequireScopes('rest')
class GuardedController {
  @Get()
  read(@CurrentUser() user: AuthenticatedUser, @CurrentAuthentication() authentication: Authentication) {
    return { user, authentication };
  }

  @Post()
  post(
    @Body() body: unknown,
    @Query() query: unknown,
    @Req() request: { url: string; originalUrl: string },
    @CurrentAuthentication() { carriedBy }: Authentication,
  ) {
    return { body: body ?? {}, query, url: request.url, originalUrl: request.originalUrl, carriedBy };
  }

  @Put()
  put() {
    return {};
  }

  @Get('two-scopes')
  @RequireScopes('reports', 'archive')
  twoScopes() {
    return {};
  }

  @Get('admins')
  @RequireRoles('admin', 'helpdesk')
  admins() {
    return {};
  }

  @Get('me')
  @AllowWhilePasswordChangeRequired()
  me() {
    return {};
  }

  @Get('twice')
  @UseGuards(TokenGuard)
  twice() {
    return {};
  }

  @SetsCookie()
  @Post('sessions')
  start() {
    return {};
  }

  @Public()
  @SetsCookie()
  @Post('login')
  login() {
    return {};
  }

  @Public()
  @Get('open')
  open(@CurrentUser() user: AuthenticatedUser | undefined) {
    return { user: user ?? null };
  }
}

@Controller('plain')
@UseGuards(AuthGuard('tokenlog'))
class PlainController {
  @Get()
  read() {
    return {};
  }
}

@Controller()
class BareController {
  @Get()
  read(@CurrentUser() user: AuthenticatedUser) {
    return user;
  }

  @Public()
  @Get('open')
  open() {
    return {};
  }
}

let nats: Awaited<ReturnType<typeof testNats>>;
let tokens: TestTokenService;

beforeAll(async () => {
  nats = await testNats();
  tokens = await TestTokenService.start(nats.urls.tokens);
});
beforeEach(() => tokens.reset());
afterAll(async () => {
  await tokens.connection.close();
  await nats.stop();
});

const basic = (username: string, password: string) =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
const bearer = (text: string) => ({ Authorization: `Bearer ${text}` });
const cookie = (text: string) => ({ Cookie: `session=${text}` });

describe.each(Object.keys(adapters) as Adapter[])('on %s', (adapter) => {
  const log = new LogOfTest();
  let app: INestApplication<Server>;
  const http = () => supertest(app.getHttpServer());

  beforeAll(async () => {
    app = await startApp(
      {
        imports: [AuthModule.forRoot({ nats: nats.urls.guard, service: 'reports', requestTimeoutMs: 500 })],
        controllers: [GuardedController],
      },
      adapter,
      log,
    );
  });
  afterAll(() => app.close());

  function expectProblem(response: supertest.Response, status: number, code: string, challenge?: string) {
    expect(response.headers['content-type']).toMatch(/^application\/problem\+json(;|$)/);
    expect(JSON.parse(response.text)).toEqual({
      type: 'about:blank',
      title: { 401: 'Unauthorized', 403: 'Forbidden', 503: 'Service Unavailable' }[status],
      status,
      code,
      detail: expect.stringMatching(/^[A-Z].+\.$/),
    });
    expect(response.status).toBe(status);
    const basic = status === 401 ? ', Basic realm="reports", charset="UTF-8"' : '';
    expect(response.headers['www-authenticate']).toBe(challenge && challenge + basic);
    expect(response.headers['retry-after']).toBe(status === 503 ? '1' : undefined);
  }

  test.each(['token', 'Token', 'Bearer', 'BEARER'])('S1 accepts Authorization: %s X', async (scheme) => {
    const response = await http()
      .get('/')
      .set('Authorization', `${scheme} ${tokens.token({ username: 'grace' })}`);
    expect(response.status).toBe(200);
    expect(response.body.user).toEqual({ id: expect.any(String), username: 'grace', roles: ['operator'] });
    expect(response.body.authentication).toMatchObject({
      active: true,
      kind: 'token',
      token: { description: 'nightly export' },
      scopes: ['rest'],
      carriedBy: 'authorization',
    });
  });

  test('S2 accepts Auth-Token: X', async () => {
    const response = await http().get('/').set('Auth-Token', tokens.token());
    expect(response.body.authentication.carriedBy).toBe('auth-token');
  });

  test('S3 accepts auth_token in a form and in JSON, and the handler does not see it', async () => {
    for (const type of ['form', 'json']) {
      const response = await http().post('/').type(type).send({ auth_token: tokens.token(), a: 'b' });
      expect(response.body).toEqual({ body: { a: 'b' }, query: {}, url: '/', originalUrl: '/', carriedBy: 'body' });
    }
  });

  test('S3 accepts auth_token in the URL of a POST, and neither the handler nor the URL has it afterwards', async () => {
    const response = await http().post('/').query({ auth_token: tokens.token(), a: 'b' });
    expect(response.body).toEqual({
      body: {},
      query: { a: 'b' },
      url: '/?a=b',
      originalUrl: '/?a=b',
      carriedBy: 'url',
    });
  });

  test('S3 does not take auth_token from the URL of a GET', async () => {
    expectProblem(
      await http().get('/').query({ auth_token: tokens.token() }),
      401,
      'credential-missing',
      'Bearer realm="reports"',
    );
    expect(tokens.requests).toEqual([]);
  });

  test('S3 a header wins over a parameter, which is taken out all the same', async () => {
    const refused = tokens.token();
    tokens.refuse(refused, 'revoked');
    const response = await http()
      .post('/')
      .set('Auth-Token', tokens.token())
      .query({ auth_token: refused })
      .send({ auth_token: refused });
    expect(response.body).toEqual({ body: {}, query: {}, url: '/', originalUrl: '/', carriedBy: 'auth-token' });
    expect(tokens.requests).toHaveLength(1);
  });

  test('of several headers Authorization decides', async () => {
    const good = tokens.token();
    const refused = tokens.token();
    tokens.refuse(refused, 'expired');
    const accepted = await http()
      .get('/')
      .set({ ...bearer(good), 'Auth-Token': refused, ...cookie(refused) });
    expect(accepted.status).toBe(200);
    const response = await http()
      .get('/')
      .set({ ...bearer(refused), 'Auth-Token': good, ...cookie(good) });
    expect(response.status).toBe(401);
  });

  test('S4 accepts HTTP Basic with the token as the password', async () => {
    const response = await http().get('/').set('Authorization', basic('ada', tokens.token()));
    expect(response.body.authentication.carriedBy).toBe('basic');
  });

  test("S4 another user's name is answered like an unknown token", async () => {
    const wrongName = await http().get('/').set('Authorization', basic('grace', tokens.token()));
    const unknown = formatCredential({ prefix: 'tkl', id: randomUUID(), secret: generateSecret() });
    const stranger = await http().get('/').set('Authorization', basic('ada', unknown));
    const challenge = 'Bearer realm="reports", error="invalid_token", error_description="This token is not known."';
    expectProblem(wrongName, 401, 'unknown', challenge);
    expectProblem(stranger, 401, 'unknown', challenge);
    expect(wrongName.text).toBe(stranger.text);
  });

  test('S4 a password that is no token is malformed, and nobody is asked', async () => {
    const response = await http().get('/').set('Authorization', basic('ada', 'correct horse'));
    expect(response.body.code ?? JSON.parse(response.text).code).toBe('malformed');
    expect(tokens.requests).toEqual([]);
  });

  test('accepts the cookie `session`, and a session credential in a header', async () => {
    const session = tokens.session();
    const byCookie = await http().get('/').set(cookie(session));
    expect(byCookie.body.authentication).toMatchObject({
      kind: 'session',
      token: null,
      scopes: ['*'],
      carriedBy: 'cookie',
    });
    expect((await http().get('/').set(bearer(session))).status).toBe(200);
  });

  test('a refused cookie is a 401 like any other', async () => {
    const session = tokens.session();
    tokens.refuse(session, 'session-ended');
    expectProblem(
      await http().get('/').set(cookie(session)),
      401,
      'session-ended',
      'Bearer realm="reports", error="invalid_token", error_description="This session has ended."',
    );
  });

  test.each([
    ['Sec-Fetch-Site: same-origin', { 'Sec-Fetch-Site': 'same-origin' }],
    ['Sec-Fetch-Site: none', { 'Sec-Fetch-Site': 'none' }],
    ['its own Origin', { Host: 'tokens.example', Origin: 'https://tokens.example' }],
    ['the Origin of its proxy', { 'X-Forwarded-Host': 'tokens.example', Origin: 'https://tokens.example' }],
  ])('S45 a cookie may change something with %s', async (_name, headers) => {
    expect(
      (
        await http()
          .put('/')
          .set({ ...cookie(tokens.session()), ...headers })
      ).status,
    ).toBe(200);
  });

  test.each([
    ['Sec-Fetch-Site: cross-site', { 'Sec-Fetch-Site': 'cross-site' }],
    ['Sec-Fetch-Site: same-site', { 'Sec-Fetch-Site': 'same-site' }],
    ["another's Origin", { Host: 'tokens.example', Origin: 'https://evil.example' }],
    ['neither', {}],
  ])('S45 a cookie may change nothing with %s, and is not used', async (_name, headers: Record<string, string>) => {
    expectProblem(
      await http()
        .put('/')
        .set({ ...cookie(tokens.session()), ...headers }),
      403,
      'cross-origin',
    );
    expect(tokens.requests).toEqual([]);
  });

  test('S45 a token in a header needs no origin', async () => {
    const response = await http()
      .put('/')
      .set({ ...bearer(tokens.token()), 'Sec-Fetch-Site': 'cross-site' });
    expect(response.status).toBe(200);
  });

  test('none given: 401 credential-missing with a bare challenge', async () => {
    expectProblem(await http().get('/'), 401, 'credential-missing', 'Bearer realm="reports"');
  });

  test.each(['garbage', 'tkl_', ''])('S33 %j is malformed, and nobody is asked', async (text) => {
    expectProblem(
      await http().get('/').set('Authorization', `Bearer ${text}`),
      401,
      'malformed',
      'Bearer realm="reports", error="invalid_token", ' +
        'error_description="This is not a token: check for missing or mistyped characters."',
    );
    expect(tokens.requests).toEqual([]);
  });

  test.each(refusalReason.options.filter((reason) => reason !== 'scope'))(
    'S33 a token that is %s: 401 with the reason',
    async (reason) => {
      const text = tokens.token();
      tokens.refuse(text, reason);
      const response = await http().get('/').set(bearer(text));
      const { detail } = JSON.parse(response.text);
      expectProblem(
        response,
        401,
        reason,
        `Bearer realm="reports", error="invalid_token", error_description="${detail}"`,
      );
    },
  );

  test('S25 no matching scope: 403 scope, naming those that would do', async () => {
    expectProblem(
      await http().get('/two-scopes').set(bearer(tokens.token())),
      403,
      'scope',
      'Bearer realm="reports", error="insufficient_scope", ' +
        'error_description="This token has none of the scopes that this needs.", scope="reports archive"',
    );
  });

  test('S25 any one scope is enough', async () => {
    const response = await http()
      .get('/two-scopes')
      .set(bearer(tokens.token({ scopes: ['archive'] })));
    expect(response.status).toBe(200);
    expect(tokens.requests[0]?.scopes).toEqual(['reports', 'archive']);
  });

  test('S26 a good token whose user lacks the role: 403 role; any one role is enough', async () => {
    expectProblem(await http().get('/admins').set(bearer(tokens.token())), 403, 'role');
    const helpdesk = tokens.token({ roles: ['operator', 'helpdesk'] });
    expect((await http().get('/admins').set(bearer(helpdesk))).status).toBe(200);
  });

  test('S12 a session that must change its password reaches marked routes only', async () => {
    const session = tokens.session({ mustChangePassword: true });
    expectProblem(await http().get('/').set(bearer(session)), 403, 'password-change-required');
    expect((await http().get('/me').set(bearer(session))).status).toBe(200);
  });

  test('a public route looks at no credential', async () => {
    const response = await http().get('/open').set(bearer('garbage'));
    expect(response.body).toEqual({ user: null });
    expect(tokens.requests).toEqual([]);
  });

  test('S34 one request is one use, however many guards it passes', async () => {
    expect((await http().get('/twice').set(bearer(tokens.token()))).status).toBe(200);
    expect(tokens.requests).toHaveLength(1);
  });

  test("the caller's address is sent, as the application's trusted proxies report it", async () => {
    await http()
      .get('/')
      .set({ ...bearer(tokens.token()), 'X-Forwarded-For': '192.0.2.7' });
    expect(tokens.requests[0]).toMatchObject({ service: 'reports', ip: '192.0.2.7' });
  });

  test.each([
    ['nobody answers in time', 'silence'],
    ['the answer is an error', '{"error":{"code":"internal-error","detail":"no"}}'],
    ['the answer is not one', '{"active":true}'],
  ])('503 when %s: refused, never accepted', async (_name, reply) => {
    tokens.reply = reply;
    expectProblem(await http().get('/').set(bearer(tokens.token())), 503, 'verification-unavailable');
  });

  test('S7 nothing that was logged or answered has a secret in it', async () => {
    const text = tokens.token();
    const secret = parseCredential(text)?.secret ?? text;
    const answers: string[] = [];
    const answer = async (response: PromiseLike<supertest.Response>) => {
      const { text: body, headers } = await response;
      answers.push(body, JSON.stringify(headers));
    };
    for (const reply of [undefined, 'silence', 'nonsense']) {
      tokens.reply = reply;
      await answer(http().get('/').set(bearer(text)));
      await answer(http().get('/').set('Authorization', basic('grace', text)));
      await answer(http().post('/').query({ auth_token: text }));
      await answer(
        http()
          .post('/')
          .send({ auth_token: `${text}x` }),
      );
    }
    expect(answers.filter((line) => line.includes(secret))).toEqual([]);
    expect(log.lines.filter((line) => line.includes(secret))).toEqual([]);
  });

  test('S41 tells when the credential expires, where that is asked for', async () => {
    const telling = await startApp(
      {
        imports: [AuthModule.forRoot({ nats: nats.urls.guard, service: 'reports', expiresHeader: true })],
        controllers: [GuardedController, PlainController],
      },
      adapter,
    );
    const expiresAt = '2098-06-12T09:26:53.589Z';
    const told = async (text: string, path = '/') =>
      (await supertest(telling.getHttpServer()).get(path).set(bearer(text)).expect(200)).headers['token-expires-at'];
    expect(await told(tokens.token({ expiresAt }))).toBe(expiresAt);
    expect(await told(tokens.token({ expiresAt: '2098-06-12T11:26:53.589+02:00' }))).toBe(expiresAt);
    expect(await told(tokens.token({ expiresAt }), '/twice')).toBe(expiresAt);
    expect(await told(tokens.token({ expiresAt }), '/plain')).toBe(expiresAt);
    expect(await told(tokens.token())).toBeUndefined();
    expect(await told(tokens.session())).toBe('2099-01-01T00:00:00.000Z');
    expect(await told(tokens.session({ expiresAt }))).toBe(expiresAt);
    expect(await told(tokens.session({ expiresAt: '2100-01-01T00:00:00Z' }))).toBe('2099-01-01T00:00:00.000Z');
    expect(await told(tokens.token({ expiresAt }), '/open')).toBeUndefined();
    await telling.close();
  });

  test('S41 a refusal does not tell it, nor does an application that was not asked to', async () => {
    const telling = await startApp(
      {
        imports: [AuthModule.forRoot({ nats: nats.urls.guard, service: 'reports', expiresHeader: true })],
        controllers: [GuardedController],
      },
      adapter,
    );
    const text = tokens.token({ expiresAt: '2098-06-12T09:26:53.589Z' });
    for (const path of ['/two-scopes', '/admins']) {
      const refused = await supertest(telling.getHttpServer()).get(path).set(bearer(text)).expect(403);
      expect(refused.headers).not.toHaveProperty('token-expires-at');
    }
    await telling.close();
    const accepted = await http().get('/').set(bearer(text)).expect(200);
    expect(accepted.headers).not.toHaveProperty('token-expires-at');
  });

  test('guards every route of an application as APP_GUARD', async () => {
    const guarded = await startApp(
      {
        imports: [AuthModule.forRoot({ nats: nats.urls.guard, service: 'reports' })],
        controllers: [BareController],
        providers: [{ provide: APP_GUARD, useExisting: TokenGuard }],
      },
      adapter,
    );
    const request = supertest(guarded.getHttpServer());
    expectProblem(await request.get('/'), 401, 'credential-missing', 'Bearer realm="reports"');
    expect((await request.get('/').set(bearer(tokens.token()))).body.username).toBe('ada');
    expect((await request.get('/open')).status).toBe(200);
    expect(tokens.requests).toEqual([
      { id: expect.any(String), proof: expect.any(String), service: 'reports', ip: expect.any(String) },
    ]);
    await guarded.close();
  });

  test('a 401 offers Basic beside Bearer, each in a line of its own, and to no page’s script', async () => {
    const challenges = async (headers: Record<string, string>) => {
      const { port } = app.getHttpServer().address() as { port: number };
      const { rawHeaders } = await new Promise<IncomingMessage>((resolve) => get({ port, headers }, resolve));
      return rawHeaders.filter((_, at) => rawHeaders[at - 1]?.toLowerCase() === 'www-authenticate');
    };
    const both = ['Bearer realm="reports"', 'Basic realm="reports", charset="UTF-8"'];
    expect(await challenges({})).toEqual(both);
    expect(await challenges({ 'sec-fetch-mode': 'navigate', 'sec-fetch-site': 'none' })).toEqual(both);
    for (const script of [{ 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' }, { referer: 'http://a/' }]) {
      expect(await challenges(script as never)).toEqual(['Bearer realm="reports"']);
    }
    const refused = await challenges(bearer('garbage'));
    expect(refused).toEqual([expect.stringContaining('error="invalid_token"'), both[1]]);
  });

  test('S4 a token that stands for itself in HTTP Basic is its user, whatever placeholder stands beside it', async () => {
    const text = tokens.token();
    for (const [name, password] of [
      ['x-access-token', text],
      ['oauth2', text],
      ['', text],
      [text, ''],
      [text, 'x-oauth-basic'],
    ] as const) {
      const { body } = await http().get('/').set('Authorization', basic(name, password)).expect(200);
      expect(body.user.username).toBe('ada');
    }
    await http()
      .get('/')
      .set('Authorization', basic('grace', text))
      .expect(401, /unknown/);
  });

  test('S45 a route that sets a cookie is closed to other sites’ pages, before anything is verified', async () => {
    const own = { Origin: `http://own.example`, Host: 'own.example' };
    for (const path of ['/login', '/sessions']) {
      const post = (headers: Record<string, string>) =>
        http().post(path).set(headers).type('form').send({ auth_token: tokens.token() });
      for (const foreign of [
        { Origin: 'https://evil.example' },
        { Origin: 'null' },
        { 'Sec-Fetch-Site': 'same-site' },
      ]) {
        expectProblem(await post(foreign as never), 403, 'cross-origin');
      }
      expect(tokens.requests).toEqual([]);
      for (const fine of [{}, own, { 'Sec-Fetch-Site': 'same-origin' }]) await post(fine as never).expect(201);
      tokens.reset();
    }
  });

  test('S3 the URL parameter can be switched off', async () => {
    const strict = await startApp(
      {
        imports: [AuthModule.forRoot({ nats: nats.urls.guard, service: 'reports', urlParameter: false })],
        controllers: [GuardedController],
      },
      adapter,
    );
    const request = supertest(strict.getHttpServer());
    expectProblem(
      await request.post('/').query({ auth_token: tokens.token() }),
      401,
      'credential-missing',
      'Bearer realm="reports"',
    );
    expect((await request.post('/').send({ auth_token: tokens.token() })).status).toBe(201);
    await strict.close();
  });
});

test('two applications of one process each ask as themselves', async () => {
  const apps = await Promise.all(
    ['first', 'second'].map((service) =>
      startApp({ imports: [AuthModule.forRoot({ nats: nats.urls.guard, service })], controllers: [GuardedController] }),
    ),
  );
  for (const app of apps) await supertest(app.getHttpServer()).get('/').set(bearer(tokens.token())).expect(200);
  expect(tokens.requests.map(({ service }) => service)).toEqual(['first', 'second']);
  await Promise.all(apps.map((app) => app.close()));
});
