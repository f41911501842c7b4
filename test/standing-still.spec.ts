import { join } from 'node:path';
import { processesIn } from '../tools/processes.js';
import { eventually } from './support/eventually.js';
import { ADMIN_PASSWORD, expectStatus, WholeSystem } from './support/whole-system.js';

const MINUTES = 300_000;
/** Two seconds were promised; this machine may be slow. Without bounds of our own it took from 23 s to for ever. */
const IN_TIME_MS = 8_000;
const services = ['identity', 'tokens', 'example'] as const;

describe('servers that live and do not answer', () => {
  let whole: WholeSystem;
  let secret: string;

  beforeAll(async () => {
    whole = await WholeSystem.start('standing-still');
    secret = (await whole.issue((await whole.register('ada')).id)).secret;
  }, MINUTES);
  afterAll(() => whole?.stop());

  const ready = async (service: (typeof services)[number]) => {
    const answer = await fetch(`${whole.system[service].url}/health/ready`, {
      signal: AbortSignal.timeout(IN_TIME_MS),
    });
    return {
      status: answer.status,
      body: (await answer.json()) as { code?: string; details: Record<string, { status: string }> },
    };
  };
  const allReady = () =>
    eventually(async () => {
      for (const service of services) expect((await ready(service)).status).toBe(200);
      await whole.logIn('admin', ADMIN_PASSWORD);
    });
  /** What everybody is told meanwhile, each in time. */
  const answers = async () => {
    const inTime = <Result>(work: Promise<Result>) =>
      Promise.race([
        work,
        new Promise<never>((_, reject) => setTimeout(reject, IN_TIME_MS, new Error('no answer in time')).unref()),
      ]);
    const asked = await Promise.all([
      inTime(whole.identity('POST', '/login', { json: { username: 'admin', password: ADMIN_PASSWORD } })),
      inTime(whole.identity('GET', '/me', { as: whole.admin })),
      inTime(whole.tokens('GET', '/tokens', { as: whole.admin })),
      inTime(whole.example('GET', '/', { as: secret })),
    ]);
    for (const { body } of asked) expect(JSON.stringify(body)).not.toContain('internal.');
    return asked.map(({ status, body, headers }) => [
      status,
      status === 200 ? null : body.code,
      headers.get('retry-after'),
    ]);
  };

  it(
    'PostgreSQL: everybody is told in time, by one code, and readiness says which part it is',
    async () => {
      await whole.system.kill('postgres', 'SIGSTOP');
      const processes = processesIn(join(whole.dataDir, 'postgres'), 'postgres');
      try {
        for (const { pid } of processes) process.kill(pid, 'SIGSTOP');
        const away = [503, 'database-unavailable', '1'];
        expect(await answers()).toEqual([away, away, away, away]);
        for (const service of ['identity', 'tokens'] as const) {
          const { status, body } = await ready(service);
          expect([status, body.code]).toEqual([503, 'not-ready']);
          expect(body.details).toMatchObject({ database: { status: 'down' }, nats: { status: 'up' } });
        }
        expect((await ready('example')).body.details).toMatchObject({
          nats: { status: 'up' },
          verification: { status: 'down', since: expect.any(String), message: expect.any(String) },
        });
      } finally {
        for (const { pid } of processes) process.kill(pid, 'SIGCONT');
        await whole.system.kill('postgres', 'SIGCONT');
      }
      await allReady();
    },
    MINUTES,
  );

  it(
    'NATS: everybody is told in time, and no service is ready',
    async () => {
      await whole.system.kill('nats', 'SIGSTOP');
      try {
        const [login, ...others] = await answers();
        expect(login).toEqual([503, 'nats-unavailable', '1']);
        // The token service asks nobody.
        expect(others[1]).toEqual([200, null, null]);
        for (const service of ['identity', 'tokens'] as const) {
          const { status, body } = await ready(service);
          expect([status, body.details.nats?.status, body.details.database?.status]).toEqual([503, 'down', 'up']);
        }
        const { status, body } = await ready('example');
        expect([status, body.details.verification?.status]).toEqual([503, 'down']);
      } finally {
        await whole.system.kill('nats', 'SIGCONT');
      }
      await allReady();
      expectStatus(await whole.example('GET', '/', { as: secret }), 200);
    },
    MINUTES,
  );

  it(
    'a token service that has gone: nobody is told of subjects',
    async () => {
      await whole.system.kill('tokens', 'SIGSTOP');
      try {
        const answer = await whole.identity('POST', '/login', {
          json: { username: 'admin', password: ADMIN_PASSWORD },
        });
        expect([answer.status, answer.body.code]).toEqual([503, 'service-unavailable']);
        expect(JSON.stringify(answer.body)).not.toMatch(/internal\.|start-session/);
      } finally {
        await whole.system.kill('tokens', 'SIGCONT');
      }
      await allReady();
    },
    MINUTES,
  );
});
