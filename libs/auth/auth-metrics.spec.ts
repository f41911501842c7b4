import type { Server } from 'node:http';
import { Controller, Get, type INestApplication, UseGuards } from '@nestjs/common';
import { Registry, register } from 'prom-client';
import supertest from 'supertest';
import { eventually } from '../../test/support/eventually.js';
import { testNats } from '../../test/support/nats.js';
import { AuthModule, type AuthOptions, RequireScopes, TokenGuard } from './index.js';
import { startApp } from './testing/start-app.js';
import { TestTokenService } from './testing/token-service.js';

@Controller()
@UseGuards(TokenGuard)
class GuardedController {
  @Get()
  @RequireScopes('rest')
  read() {
    return {};
  }
}

let nats: Awaited<ReturnType<typeof testNats>>;
let tokens: TestTokenService;

beforeAll(async () => {
  nats = await testNats();
  tokens = await TestTokenService.start(nats.urls.tokens);
});
afterAll(async () => {
  await tokens.connection.close();
  await nats.stop();
});

const start = (options: Partial<AuthOptions>) =>
  startApp({
    imports: [AuthModule.forRoot({ nats: nats.urls.guard, service: 'reports', requestTimeoutMs: 300, ...options })],
    controllers: [GuardedController],
  });

const get = (app: INestApplication<Server>, text = '') => {
  const request = supertest(app.getHttpServer()).get('/');
  return text === '' ? request : request.set('Authorization', `Bearer ${text}`);
};

test('a guard counts what it asked, refused and could not ask, on the registry that is given', async () => {
  const registry = new Registry();
  const app = await start({ metrics: registry });
  await get(app, tokens.token()).expect(200);
  await get(app, tokens.token({ scopes: ['other'] })).expect(403);
  await get(app).expect(401);
  tokens.reply = 'silence';
  await get(app, tokens.token()).expect(503);
  tokens.reply = undefined;
  const text = await registry.metrics();
  for (const line of [
    'tokenlog_guard_verifications_total{service="reports",answered_by="memory"} 0',
    'tokenlog_guard_verifications_total{service="reports",answered_by="token-service"} 3',
    'tokenlog_guard_refusals_total{service="reports",status="403",code="scope"} 1',
    'tokenlog_guard_refusals_total{service="reports",status="401",code="credential-missing"} 1',
    'tokenlog_guard_refusals_total{service="reports",status="503",code="verification-unavailable"} 1',
    'tokenlog_guard_connected{service="reports"} 1',
  ]) {
    expect(text.split('\n')).toContain(line);
  }
  expect(text).not.toContain('tokenlog_guard_leased{');
  await app.close();
  expect(await registry.metrics()).not.toContain('service="reports"');
});

test('`true` is the default registry, for every application of the process, and a lease and hits are shown', async () => {
  const heartbeats = tokens.connection.subscribe('tokens.guard.heartbeat', {
    callback: (_error, message) => void message.respond('{"granted":true}'),
  });
  await tokens.connection.flush();
  const apps = [await start({ metrics: true, cache: true }), await start({ metrics: true, service: 'archive' })];
  const [cached, other] = apps as [INestApplication<Server>, INestApplication<Server>];
  await eventually(async () =>
    expect(await register.metrics()).toContain('tokenlog_guard_leased{service="reports"} 1'),
  );
  const text = tokens.token();
  for (let request = 0; request < 3; request++) await get(cached, text).expect(200);
  await get(other, text).expect(200);
  const lines = (await register.metrics()).split('\n');
  for (const line of [
    'tokenlog_guard_verifications_total{service="reports",answered_by="memory"} 2',
    'tokenlog_guard_verifications_total{service="reports",answered_by="token-service"} 1',
    'tokenlog_guard_verifications_total{service="archive",answered_by="token-service"} 1',
    'tokenlog_guard_entries{service="reports"} 1',
  ]) {
    expect(lines).toContain(line);
  }
  heartbeats.unsubscribe();
  for (const app of apps) await app.close();
});

test('what is no registry stops the start with an error that names the option', async () => {
  await expect(start({ metrics: {} as never })).rejects.toThrow('AuthModule: option "metrics": must be true, false');
});
