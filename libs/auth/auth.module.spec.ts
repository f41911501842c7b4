import type { Server } from 'node:http';
import { connect } from '@nats-io/transport-node';
import { Controller, Get, type INestApplication, Module, UseGuards } from '@nestjs/common';
import supertest from 'supertest';
import { eventually } from '../../test/support/eventually.js';
import { testFolder } from '../../test/support/folder.js';
import { testNats } from '../../test/support/nats.js';
import { startNats } from '../../tools/embedded-nats.js';
import { choosePort } from '../../tools/ports.js';
import { generateNatsPasswords } from '../../tools/secrets.js';
import { AuthModule, type AuthOptions, TokenGuard, TokenVerifier } from './index.js';
import { LogOfTest, startApp } from './testing/start-app.js';
import { TestTokenService } from './testing/token-service.js';

@Controller()
@UseGuards(TokenGuard)
class GuardedController {
  @Get()
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
beforeEach(() => tokens.reset());
afterAll(async () => {
  await tokens.connection.close();
  await nats.stop();
});

const start = (options: AuthOptions, log?: LogOfTest) =>
  startApp({ imports: [AuthModule.forRoot(options)], controllers: [GuardedController] }, 'Express', log);

async function status(app: INestApplication<Server>, text: string): Promise<number> {
  return (await supertest(app.getHttpServer()).get('/').set('Authorization', `Bearer ${text}`)).status;
}

test('starts without NATS, refuses with 503 while it is away, and accepts once it is there, again after an outage', async () => {
  const port = await choosePort();
  const passwords = generateNatsPasswords();
  const log = new LogOfTest();
  const app = await start({ nats: `nats://guard:${passwords.guard}@127.0.0.1:${port}`, service: 'reports' }, log);
  const refused = await supertest(app.getHttpServer()).get('/').set('Authorization', `Bearer ${tokens.token()}`);
  expect(refused.status).toBe(503);
  expect(JSON.parse(refused.text).code).toBe('verification-unavailable');
  expect(app.get(TokenVerifier).connected).toBe(false);

  const dataDir = await testFolder('nats');
  let server = await startNats({ dataDir, passwords, port });
  const service = await TestTokenService.start(server.urls.tokens);
  const text = service.token();
  await eventually(async () => expect(await status(app, text)).toBe(200));
  expect(app.get(TokenVerifier).connected).toBe(true);

  await server.stop();
  await eventually(() => expect(app.get(TokenVerifier).connected).toBe(false));
  const asked = performance.now();
  expect(await status(app, text)).toBe(503);
  expect(performance.now() - asked).toBeLessThan(1_000);

  server = await startNats({ dataDir, passwords, port });
  await eventually(async () => expect(await status(app, text)).toBe(200));
  expect(log.lines.join('\n')).toContain(`cannot reach NATS at 127.0.0.1:${port}`);
  expect(log.lines.join('\n')).not.toContain(passwords.guard);
  await app.close();
  await service.connection.close();
  await server.stop();
});

test('a wrong NATS password is told in the log, does not stop the start, and refuses', async () => {
  const log = new LogOfTest();
  const { host } = new URL(nats.urls.guard);
  const app = await start({ nats: `nats://guard:kwrong@${host}`, service: 'reports' }, log);
  expect(await status(app, tokens.token())).toBe(503);
  expect(log.lines.join('\n')).toMatch(/cannot reach NATS.*Authorization Violation/i);
  expect(log.lines.join('\n')).not.toContain('kwrong');
  await app.close();
});

test('a NATS user that may not ask is told in the log, and refuses', async () => {
  const log = new LogOfTest();
  const app = await start(
    { nats: nats.urls.observer, natsUser: 'observer', service: 'reports', requestTimeoutMs: 300 },
    log,
  );
  expect(await status(app, tokens.token())).toBe(503);
  await eventually(() => expect(log.lines.join('\n')).toMatch(/NATS refused: .*tokens\.verify/));
  await app.close();
});

test('its own connection ends with the application', async () => {
  const app = await start({ nats: nats.urls.guard, service: 'reports' });
  const verifier = app.get(TokenVerifier);
  expect(verifier.connected).toBe(true);
  await app.close();
  expect(verifier.connected).toBe(false);
});

test("the application's connection is used and left open", async () => {
  const { username: user, password: pass, host } = new URL(nats.urls.guard);
  const connection = await connect({ servers: host, user, pass, inboxPrefix: '_INBOX_guard' });
  const app = await start({ nats: connection, service: 'reports' });
  expect(await status(app, tokens.token())).toBe(200);
  await app.close();
  expect(connection.isClosed()).toBe(false);
  await connection.flush();

  const second = await start({ nats: connection, service: 'reports' });
  await connection.close();
  expect(second.get(TokenVerifier).connected).toBe(false);
  expect(await status(second, tokens.token())).toBe(503);
  await second.close();
});

test('forRootAsync makes the options from other providers', async () => {
  @Module({ providers: [{ provide: 'SERVICE', useValue: 'archive' }], exports: ['SERVICE'] })
  class ConfigModule {}
  const app = await startApp({
    imports: [
      AuthModule.forRootAsync({
        imports: [ConfigModule],
        inject: ['SERVICE'],
        useFactory: async (service: string) => ({ nats: nats.urls.guard, service }),
      }),
    ],
    controllers: [GuardedController],
  });
  expect(await status(app, tokens.token())).toBe(200);
  expect(tokens.requests[0]?.service).toBe('archive');
  await app.close();
});

test('a wrong option stops the start with an error that names it, either way', async () => {
  const wrong = { nats: 'http://127.0.0.1', service: 'reports' };
  const message = 'AuthModule: option "nats": must be a URL';
  await expect(start(wrong)).rejects.toThrow(message);
  await expect(startApp({ imports: [AuthModule.forRootAsync({ useFactory: () => wrong })] })).rejects.toThrow(message);
});
