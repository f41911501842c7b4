import { call } from '../testing/http.js';
import { startTokenService, type TestTokenService, type TestUser } from '../testing/token-service.js';
import { CreateToken } from './create-token.js';

describe('a token that was taken for one purpose', () => {
  let service: TestTokenService;
  let chief: TestUser;

  beforeAll(async () => {
    service = await startTokenService();
    chief = await service.register('chief', { roles: ['admin'] });
  });
  afterAll(() => service.stop());

  const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();
  const issue = (scopes: string[], expiresAt: string | null = inAnHour()) =>
    service.commands.execute(
      new CreateToken(service.caller(chief), { userId: chief.id, description: 'narrow', scopes, expiresAt }, 'right'),
    );
  const problem = (status: number, code: string) =>
    expect.objectContaining({ status, body: expect.objectContaining({ status, code }) });

  it('gives neither itself nor another one a scope that it lacks, an admin’s neither', async () => {
    const [own, other] = [await issue(['tokens', 'rest']), await issue(['rest'])];
    for (const { tokenId } of [own, other]) {
      const edit = (scopes: string[]) =>
        call(service, 'PATCH', `/tokens/${tokenId}`, { as: own.secret, json: { scopes } });
      expect(await edit(['tokens', 'admin'])).toEqual(problem(403, 'exceeds-credential'));
      expect((await edit(['rest', 'tokens'])).status).toBe(200);
    }
  });

  it('makes nothing last longer, and shorter if it likes', async () => {
    const { tokenId, secret } = await issue(['tokens']);
    const edit = (expiresAt: string | null) =>
      call(service, 'PATCH', `/tokens/${tokenId}`, { as: secret, json: { expiresAt } });
    const refresh = (json: object) => call(service, 'POST', '/tokens/self/refresh', { as: secret, json });
    for (const expiresAt of [null, new Date(Date.now() + 7_200_000).toISOString()]) {
      expect(await edit(expiresAt)).toEqual(problem(403, 'exceeds-credential'));
      expect(await refresh({ expiresAt })).toEqual(problem(403, 'exceeds-credential'));
    }
    expect((await edit(new Date(Date.now() + 1_800_000).toISOString())).status).toBe(200);
  });

  it('refreshed eight times at once has one secret that works, and no failure of the server', async () => {
    const { tokenId, secret } = await issue([]);
    const refresh = () => call(service, 'POST', '/tokens/self/refresh', { as: secret });
    const answers = await Promise.all(Array.from({ length: 8 }, refresh));
    for (const { status } of answers) expect([200, 401, 409]).toContain(status);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const secrets = answers.filter(({ status }) => status === 200).map(({ body }) => body.secret as string);
    expect(secrets.length).toBeGreaterThan(0);
    const works = await Promise.all(secrets.map(async (each) => (await service.verify({ credential: each })).active));
    expect(works.filter(Boolean)).toHaveLength(1);
    expect((await call(service, 'GET', `/tokens/self`, { as: secrets[works.indexOf(true)] })).body.token.id).toBe(
      tokenId,
    );
  });
});

describe('a guard that is not what it seems', () => {
  let service: TestTokenService;

  beforeAll(async () => {
    service = await startTokenService();
  });
  afterAll(() => service.stop());

  it('cannot stop the service with a message that is not JSON, or not by the contract', async () => {
    for (const text of ['not json{{{', '{}', '[]', '{"invalidation":7}']) {
      service.guard.publish('tokens.guard.acknowledged', text);
      service.guard.publish('tokens.guard.heartbeat', text);
      service.guard.publish('tokens.guard.uses', text);
    }
    await service.guard.flush();
    const user = await service.register('after-the-noise');
    expect((await service.store.pool.query('SELECT 1 FROM users WHERE id = $1', [user.id])).rows).toHaveLength(1);
  });

  it('cannot have the service publish in its place, by naming another subject than an inbox for the reply', async () => {
    const heard: string[] = [];
    const subscription = service.identity.subscribe('internal.identity.>', {
      callback: (_e, { subject }) => void heard.push(subject),
    });
    const { streams } = await (await import('@nats-io/jetstream')).jetstreamManager(service.identity);
    const before = (await streams.info('IDENTITY')).state.last_seq;
    for (const reply of ['identity.user-deleted', 'internal.identity.event-applied']) {
      service.guard.publish('tokens.verify', '{"credential":"x"}', { reply });
      service.guard.publish('tokens.verify', '{"pattern":"tokens.verify","data":{"credential":"x"},"id":"1"}', {
        reply,
      });
    }
    await service.guard.flush();
    await service.verify({ credential: 'x' });
    await service.identity.flush();
    expect((await streams.info('IDENTITY')).state.last_seq).toBe(before);
    expect(heard).toEqual([]);
    subscription.unsubscribe();
  });

  it('cannot break a count: a report beyond reason is left out, and its token goes on', async () => {
    const ada = await service.register('ada-of-reports');
    const { tokenId, secret } = await service.commands.execute(
      new CreateToken(service.caller(ada), { userId: ada.id, description: 'counted', scopes: [] }, 'right'),
    );
    const report = (count: number, lastAt: string) => ({
      guard: ada.id,
      report: 1,
      service: 'odd',
      uses: [{ tokenId, firstAt: lastAt, lastAt, breakdown: [{ ip: null, count }] }],
    });
    for (const body of [report(2 ** 53 - 1, new Date().toISOString()), report(3, '9999-12-31T23:59:59Z')]) {
      await service.guard.request('tokens.guard.uses', JSON.stringify(body), { timeout: 3000 });
    }
    const { eventually } = await import('../../../test/support/eventually.js');
    await eventually(async () => {
      const token = (await call(service, 'GET', '/tokens/self', { as: secret })).body.token;
      expect(token.useCount).toBeLessThan(1000);
      expect(token.useCount).toBeGreaterThanOrEqual(3);
      expect(Date.parse(token.lastUsedAt)).toBeLessThanOrEqual(Date.now());
    });
  });
});
