import { setTimeout as delay } from 'node:timers/promises';
import { MailServer } from '../apps/identity/testing/mail-server.js';
import { type System, startSystem } from '../tools/system.js';
import { httpClient } from '../tools/tour/client.js';
import { newDataDir } from './support/data-dir.js';
import { eventually } from './support/eventually.js';

const ADMIN_PASSWORD = 'expiring-admin-password';
const DAY_MS = 86_400_000;
const silent = { step: () => undefined, call: () => undefined };

describe('a token that ends soon, when the services are killed (-9) around its warning', () => {
  let mails: MailServer;
  let system: System;

  beforeAll(async () => {
    mails = await MailServer.start();
    const mail = { SMTP_URL: mails.url, MAIL_FROM: 'Tokenlog <tokens@example.org>' };
    const env = { ...process.env, ...mail, ADMIN_PASSWORD, DATABASE_URL: '', NATS_URL: '' };
    system = await startSystem({ dataDir: await newDataDir('expiry'), ports: 'free', fsync: false, env });
  });
  afterAll(async () => {
    await system?.stop();
    await mails?.stop();
  });

  it('S41 is warned of once in the log, and its user by one mail', async () => {
    const tokens = httpClient('tokens', system.tokens.url, silent);
    const identity = httpClient('identity', system.identity.url, silent);
    const login = { json: { username: 'admin', password: ADMIN_PASSWORD } };
    const admin = (await identity('POST', '/login', login)).body.session.credential;
    await identity('PATCH', '/me', { as: admin, json: { email: 'admin@example.org' } });

    /** A token whose last warning falls due in a moment, and the kill after that: the service looks when it is up again. */
    const warned = async (description: string) => {
      const expiresAt = new Date(Date.now() + DAY_MS + 1500).toISOString();
      const json = { description, scopes: ['rest'], password: ADMIN_PASSWORD, expiresAt };
      const { token } = (await tokens('POST', '/tokens', { as: admin, json })).body;
      await delay(Math.max(0, Date.parse(expiresAt) - DAY_MS - Date.now()));
      await system.kill('tokens', 'SIGKILL');
      await system.restart('tokens');
      await eventually(() => expect(mails.received.at(-1)?.text).toContain(token.id), { timeoutMs: 20_000 });
      return token.id as string;
    };
    const first = await warned('first');
    await system.kill('identity', 'SIGKILL');
    await system.restart('identity');
    const second = await warned('second');

    for (const id of [first, second]) {
      const { items } = (await tokens('GET', `/tokens/${id}/history`, { as: admin })).body;
      const warnings = items.filter(({ type }: { type: string }) => type === 'token-expiring');
      expect(warnings).toMatchObject([{ by: '<system>', changes: { thresholdDays: 1, username: 'admin' } }]);
    }
    expect(mails.received.map(({ to, text }) => [to, text.includes(first), text.includes(second)])).toEqual([
      [['admin@example.org'], true, false],
      [['admin@example.org'], false, true],
    ]);
  });
});
