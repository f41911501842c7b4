import { jest } from '@jest/globals';
import { Controller, Get, type INestApplication, UseGuards } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import supertest from 'supertest';
import {
  type AuthenticatedUser,
  AuthModule,
  AuthStatus,
  CurrentUser,
  RequireRoles,
  RequireScopes,
  TokenGuard,
  TokenVerifier,
  VerifierUnavailableError,
} from '../index.js';
import { TestAuth } from './test-auth.js';

@Controller('reports')
@UseGuards(TokenGuard)
@RequireScopes('rest')
class ReportsController {
  @Get()
  list(@CurrentUser() user: AuthenticatedUser) {
    return user;
  }

  @Get('admins')
  @RequireRoles('admin')
  admins() {
    return {};
  }
}

const apps: INestApplication[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

async function serve(testing: ReturnType<typeof Test.createTestingModule>) {
  const app = (await testing.compile()).createNestApplication({ logger: false });
  apps.push(await app.init());
  return supertest(app.getHttpServer());
}

/** An application as it is written, of which nothing listens at its NATS. */
const application = () =>
  Test.createTestingModule({
    imports: [AuthModule.forRoot({ nats: 'nats://127.0.0.1:1', service: 'reports', cache: true })],
    controllers: [ReportsController],
  });

test('a controller is tested as a named user with scopes and roles, in three lines', async () => {
  const auth = new TestAuth();
  const http = await serve(Test.createTestingModule({ imports: [auth.module], controllers: [ReportsController] }));
  const user = { id: expect.any(String), username: 'ada', roles: ['admin'] };
  await http
    .get('/reports/admins')
    .set(auth.as('ada', { scopes: ['rest'], roles: ['admin'] }))
    .expect(200);

  const { body } = await http.get('/reports').set(auth.as('ada', { scopes: ['rest'], roles: ['admin'] }));
  expect(body).toEqual(user);
  const again = await http.get('/reports').set(auth.as('ada', { scopes: ['rest'] }));
  expect(again.body.id).toBe(body.id);
  expect(auth.questions.at(-1)).toMatchObject({ scopes: ['rest'] });
});

test.each<[number, string, (auth: TestAuth) => Record<string, string>]>([
  [401, 'credential-missing', () => ({})],
  [401, 'malformed', () => ({ authorization: 'Bearer garbage' })],
  [401, 'unknown', () => new TestAuth().as('ada')],
  [401, 'expired', (auth) => auth.as('ada', { refused: 'expired' })],
  [403, 'scope', (auth) => auth.as('ada', { scopes: ['other'] })],
  [403, 'role', (auth) => auth.as('ada', { scopes: ['rest'], roles: ['operator'] })],
  [403, 'password-change-required', (auth) => auth.as('ada', { mustChangePassword: true, roles: ['admin'] })],
  [503, 'verification-unavailable', (auth) => auth.as('ada', { unavailable: true })],
])('so are its refusals: %i %s', async (status, code, headers) => {
  const auth = new TestAuth();
  const http = await serve(Test.createTestingModule({ imports: [auth.module], controllers: [ReportsController] }));
  const refused = await http.get('/reports/admins').set(headers(auth)).expect(status);
  expect(JSON.parse(refused.text).code).toBe(code);
});

test('an application as it is written is tested without its NATS, which nobody looks for', async () => {
  const auth = new TestAuth();
  const http = await serve(application().overrideProvider(TokenVerifier).useValue(auth));
  await http
    .get('/reports')
    .set(auth.as('ada', { scopes: ['rest'] }))
    .expect(200);
  expect(apps[0]?.get(AuthStatus).current).toMatchObject({ reason: 'starting' });
});

const active = {
  active: true as const,
  kind: 'token' as const,
  token: null,
  user: { id: '01997c9e-1111-7111-8111-111111111111', username: 'grace', roles: [] },
  scopes: ['rest'],
  checkedAt: '2026-01-01T00:00:00.000Z',
  validUntil: null,
};

test('any object with the documented method does in the place of TokenVerifier', async () => {
  const verify = jest.fn(async () => active);
  const http = await serve(application().overrideProvider(TokenVerifier).useValue({ verify }));
  const { body } = await http.get('/reports').set('authorization', 'Bearer anything').expect(200);
  expect(body).toMatchObject({ username: 'grace' });
  expect(verify).toHaveBeenCalledWith(expect.objectContaining({ credential: 'anything', scopes: ['rest'] }));

  verify.mockRejectedValueOnce(new VerifierUnavailableError('away'));
  await http.get('/reports').set('authorization', 'Bearer anything').expect(503);
});

test('a spy on the documented method of the real one is what the guard asks', async () => {
  const http = await serve(application());
  jest.spyOn((apps[0] as INestApplication).get(TokenVerifier), 'verify').mockResolvedValue(active);
  await http.get('/reports').set('authorization', 'Bearer anything').expect(200);
});
