import { Controller, Get, type INestApplication, Module } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import supertest from 'supertest';
import { eventually } from '../../test/support/eventually.js';
import { testFolder } from '../../test/support/folder.js';
import { startNats } from '../../tools/embedded-nats.js';
import { choosePort } from '../../tools/ports.js';
import { generateNatsPasswords } from '../../tools/secrets.js';
import { AuthHealthIndicator, AuthModule, type AuthState, AuthStatus } from './index.js';
import { LogOfTest, startApp } from './testing/start-app.js';

@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly tokenlog: AuthHealthIndicator,
  ) {}

  @Get()
  @HealthCheck()
  check() {
    return this.health.check([() => this.tokenlog.isHealthy()]);
  }
}

@Module({ imports: [TerminusModule.forRoot({ logger: false })], controllers: [HealthController] })
class HealthModule {}

const passwords = generateNatsPasswords();
let port: number;
let dataDir: string;
beforeAll(async () => {
  port = await choosePort();
  dataDir = await testFolder('nats');
});

async function start(password: string) {
  const log = new LogOfTest();
  const nats = `nats://guard:${password}@127.0.0.1:${port}`;
  const app = await startApp(
    { imports: [AuthModule.forRoot({ nats, service: 'reports' }), HealthModule] },
    'Express',
    log,
  );
  const changes: AuthState[] = [];
  app.get(AuthStatus).changes.subscribe((state) => changes.push(state));
  return { app, log, changes, reasons: () => changes.map((state) => (state.status === 'up' ? 'up' : state.reason)) };
}

const health = (app: INestApplication) => supertest(app.getHttpServer()).get('/health');

test('health and events tell that NATS is away, there, away, and back', async () => {
  const { app, reasons } = await start(passwords.guard);
  const down = { tokenlog: { status: 'down', reason: 'unreachable', detail: expect.any(String) } };
  expect((await health(app).expect(503)).body).toMatchObject({ status: 'error', error: down });

  let server = await startNats({ dataDir, passwords, port });
  await eventually(() => expect(reasons()).toEqual(['up']));
  expect((await health(app).expect(200)).body).toMatchObject({ info: { tokenlog: { status: 'up' } } });

  await server.stop();
  await eventually(() => expect(reasons()).toEqual(['up', 'unreachable']));
  expect((await health(app).expect(503)).body.error).toMatchObject(down);

  server = await startNats({ dataDir, passwords, port });
  await eventually(() => expect(reasons()).toEqual(['up', 'unreachable', 'up']));
  await app.close();
  expect(reasons().at(-1)).toBe('closed');
  await server.stop();
});

test('a wrong password is told from an outage, in health, events and log, and is not shown', async () => {
  const server = await startNats({ dataDir, passwords, port });
  const { app, log, reasons } = await start('kwrong');
  const { body } = await health(app).expect(503);
  expect(body.error.tokenlog).toEqual({ status: 'down', reason: 'login-refused', detail: expect.any(String) });
  expect(log.lines.filter((line) => line.includes('user or password are wrong ("guard")'))).toHaveLength(1);
  expect(log.lines.join('\n') + JSON.stringify(body)).not.toContain('kwrong');

  await server.stop();
  await eventually(() => expect(reasons().at(-1)).toBe('unreachable'));
  await app.close();
});
