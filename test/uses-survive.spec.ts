import { connectNats } from '@tokenlog/platform/nats.js';
import { type System, startSystem } from '../tools/system.js';
import { httpClient } from '../tools/tour/client.js';
import { newDataDir } from './support/data-dir.js';
import { eventually } from './support/eventually.js';

const ADMIN_PASSWORD = 'survival-admin-password';
const silent = { step: () => undefined, call: () => undefined };

describe('uses, when the token service is killed (-9) under load', () => {
  let system: System;

  beforeAll(async () => {
    const env = { ...process.env, ADMIN_PASSWORD, DATABASE_URL: '', NATS_URL: '' };
    system = await startSystem({ dataDir: await newDataDir('uses'), ports: 'free', fsync: false, env });
  });
  afterAll(() => system.stop());

  it('S34 none that was answered is lost, none is counted that was not asked', async () => {
    const tokens = httpClient('tokens', system.tokens.url, silent);
    const login = { json: { username: 'admin', password: ADMIN_PASSWORD } };
    const admin = (await httpClient('identity', system.identity.url, silent)('POST', '/login', login)).body.session
      .credential;
    const create = { as: admin, json: { description: 'hot', scopes: ['rest'], password: ADMIN_PASSWORD } };
    const { token, secret } = (await tokens('POST', '/tokens', create)).body;
    let answered = 0;
    let unanswered = 0;
    let running = true;
    const clients = Array.from({ length: 16 }, async (_, index) => {
      const nats = await connectNats(system.natsUrls.guard, 'guard', `client-${index}`);
      while (running) {
        await nats.request('tokens.verify', JSON.stringify({ credential: secret }), { timeout: 1000 }).then(
          () => answered++,
          () => unanswered++,
        );
      }
      await nats.close();
    });
    for (let kill = 0; kill < 2; kill++) {
      const before = answered;
      await eventually(() => expect(answered).toBeGreaterThan(before + 300), { timeoutMs: 30_000 });
      await system.kill('tokens', 'SIGKILL');
      await system.restart('tokens');
    }
    const before = answered;
    await eventually(() => expect(answered).toBeGreaterThan(before + 300), { timeoutMs: 30_000 });
    running = false;
    await Promise.all(clients);
    const { useCount } = (await tokens('GET', `/tokens/${token.id}`, { as: admin })).body.token;
    expect(useCount).toBeGreaterThanOrEqual(answered);
    expect(useCount).toBeLessThanOrEqual(answered + unanswered);
    let told = 0;
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: { items: { type: string; changes: { count: number } }[]; nextCursor: string | null } = (
        await tokens('GET', `/admin/tokens/${token.id}/history?limit=500&cursor=${cursor}`, { as: admin })
      ).body;
      for (const { type, changes } of page.items) if (type === 'token-used') told += changes.count;
      cursor = page.nextCursor;
    }
    expect(told).toBe(useCount);
  });
});
