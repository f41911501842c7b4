import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import { Controller, Get, type INestApplication, UseGuards } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import { formatCredential, generateSecret } from '@tokenlog/contracts/credential.js';
import passport from 'passport';
import supertest from 'supertest';
import { testNats } from '../../test/support/nats.js';
import {
  type Authentication,
  AuthModule,
  CurrentAuthentication,
  CurrentUser,
  RequireRoles,
  RequireScopes,
} from './index.js';
import { type Adapter, adapters, startApp } from './testing/start-app.js';
import { TestTokenService } from './testing/token-service.js';

/** Another way in, of the application's own. */
class PartnerKey extends passport.Strategy {
  override name = 'partner';
  override authenticate(this: passport.StrategyCreated<passport.Strategy>, request: object) {
    const { headers } = request as { headers: Record<string, string> };
    if (headers['partner-key'] === 'let-me-in') this.success({ username: 'partner' } as never);
    else this.fail('no partner');
  }
}

passport.use(new PartnerKey());

@Controller()
class TwoWaysController {
  @Get()
  @UseGuards(AuthGuard(['tokenlog', 'partner']))
  read(@CurrentUser() user: { username: string }, @CurrentAuthentication() authentication: Authentication | undefined) {
    return { username: user.username, carriedBy: authentication?.carriedBy ?? null };
  }

  @Get('reversed')
  @UseGuards(AuthGuard(['partner', 'tokenlog']))
  reversed(@CurrentUser() user: { username: string }) {
    return { username: user.username };
  }

  @Get('archive')
  @UseGuards(AuthGuard(['tokenlog', 'partner']))
  @RequireScopes('archive')
  archive() {
    return {};
  }

  @Get('admins')
  @UseGuards(AuthGuard(['tokenlog', 'partner']))
  @RequireRoles('admin')
  admins() {
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

describe.each(Object.keys(adapters) as Adapter[])('beside another passport strategy, on %s', (adapter) => {
  let app: INestApplication<Server>;
  beforeAll(async () => {
    app = await startApp(
      {
        imports: [AuthModule.forRoot({ nats: nats.urls.guard, service: 'reports', requestTimeoutMs: 300 })],
        controllers: [TwoWaysController],
      },
      adapter,
    );
  });
  afterAll(() => app.close());

  const get = (path: string, headers: Record<string, string>) => supertest(app.getHttpServer()).get(path).set(headers);
  const partner = { 'Partner-Key': 'let-me-in' };
  const bearer = (text: string) => ({ Authorization: `Bearer ${text}` });

  test('either lets a request in, in either order', async () => {
    expect((await get('/', bearer(tokens.token()))).body).toEqual({ username: 'ada', carriedBy: 'authorization' });
    expect((await get('/', partner)).body).toEqual({ username: 'partner', carriedBy: null });
    expect((await get('/reversed', bearer(tokens.token()))).body).toEqual({ username: 'ada' });
    expect((await get('/reversed', partner)).body).toEqual({ username: 'partner' });
  });

  test('RFC 9110, 15.5.2 neither is a 401 with the challenges, whichever strategy comes last', async () => {
    for (const path of ['/', '/reversed']) {
      for (const headers of [{}, bearer('garbage')]) {
        const { status, headers: told } = await get(path, headers);
        expect([status, told['www-authenticate']]).toEqual([
          401,
          expect.stringMatching(/^Bearer realm="reports".*, Basic /),
        ]);
      }
    }
  });

  test('a credential that is not known here is left to the other, and leaves no trace in its answer', async () => {
    const unknown = formatCredential({ prefix: 'tkl', id: randomUUID(), secret: generateSecret() });
    const response = await get('/', { ...bearer(unknown), ...partner });
    expect(response.body).toEqual({ username: 'partner', carriedBy: null });
    expect(response.headers['www-authenticate']).toBeUndefined();
    expect(response.headers['content-type']).toMatch(/^application\/json/);
  });

  test('S25 S26 scopes and roles hold for tokens under a plain AuthGuard as well', async () => {
    const scope = await get('/archive', bearer(tokens.token()));
    expect(scope.status).toBe(403);
    expect(JSON.parse(scope.text).code).toBe('scope');
    expect(scope.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(scope.headers['www-authenticate']).toContain('error="insufficient_scope"');
    expect((await get('/archive', bearer(tokens.token({ scopes: ['archive'] })))).status).toBe(200);

    const role = await get('/admins', bearer(tokens.token()));
    expect(role.status).toBe(403);
    expect(JSON.parse(role.text).code).toBe('role');
    expect((await get('/admins', bearer(tokens.token({ roles: ['admin'] })))).status).toBe(200);
  });

  test("a token that cannot be verified is a 503, not somebody else's", async () => {
    tokens.reply = 'silence';
    const response = await get('/', { ...bearer(tokens.token()), ...partner });
    expect(response.status).toBe(503);
    expect(response.headers['retry-after']).toBe('1');
  });
});

test('without AuthModule the strategy lets nobody in', async () => {
  const app = await startApp({ controllers: [TwoWaysController] });
  const response = await supertest(app.getHttpServer()).get('/').set('Authorization', `Bearer ${tokens.token()}`);
  expect(response.status).toBe(500);
  await app.close();
});
