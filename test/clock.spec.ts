import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../tools/paths.js';
import { eventually } from './support/eventually.js';
import { ADMIN_PASSWORD, expectStatus, PASSWORD, WholeSystem } from './support/whole-system.js';

const HOUR_MS = 3_600_000;
/** What a slow machine may take for a test, and far less than the clocks are off. */
const NEAR_MS = 600_000;
const preload = pathToFileURL(join(root, 'test', 'support', 'shifted-clock.mjs'));

describe.each([
  ['an hour ahead of', HOUR_MS],
  ['an hour behind', -HOUR_MS],
])('services whose clocks are %s the database, which is right', (_, shift) => {
  let whole: WholeSystem;
  let user: { id: string; username: string };

  beforeAll(async () => {
    const variables = { NODE_OPTIONS: `--import=${preload}`, CLOCK_SHIFT_MS: String(shift) };
    whole = await WholeSystem.start(`clock-${shift}`, { ...variables, POLICY_MAX_LIFETIME_DAYS: '1' });
    user = await whole.register('ada');
  });
  afterAll(() => whole.stop());

  const inHours = (hours: number) => new Date(Date.now() + hours * HOUR_MS).toISOString();
  const expectNear = (instant: string | number, hours = 0) =>
    expect(Math.abs(new Date(instant).getTime() - Date.now() - hours * HOUR_MS)).toBeLessThan(NEAR_MS);
  const madeAt = (id: string) => Number.parseInt(id.replace('-', '').slice(0, 12), 16);
  const view = async (id: string) =>
    expectStatus(await whole.tokens('GET', `/admin/tokens/${id}`, { as: whole.admin }), 200).body.token;
  const logOf = async (service: string) => readFile(join(whole.system.logDir, `${service}.log`), 'utf8');

  it('end a session when it was to end', async () => {
    const login = await whole.identity('POST', '/login', { json: { username: 'ada', password: PASSWORD } });
    expectNear(expectStatus(login, 200).body.session.expiresAt, 12);
    const { items } = (await whole.tokens('GET', '/sessions', { as: login.body.session.credential })).body;
    expect(items).toHaveLength(1);
    expectNear(items[0].startedAt);
    expectNear(madeAt(items[0].id));
  });

  it('say when a user has logged in, and was made', async () => {
    await whole.logIn('ada', PASSWORD);
    const { lastLoginAt } = (await whole.identity('GET', `/users/${user.id}`, { as: whole.admin })).body;
    expectNear(lastLoginAt);
    expectNear(madeAt(user.id));
  });

  it('say when a token was made and used, at every way in', async () => {
    const issued = await whole.issue(user.id, { expiresAt: inHours(0.75) });
    expectNear(madeAt(issued.token.id));
    const clerk = await whole.issue((await whole.identity('GET', '/me', { as: whole.admin })).body.user.id, {
      scopes: ['introspect'],
      expiresAt: inHours(2),
    });
    const uses = [
      () => whole.example('GET', '/', { as: issued.secret }),
      () => whole.tokens('GET', '/auth/verify', { as: issued.secret }),
      () => whole.tokens('POST', '/oauth2/introspect', { as: clerk.secret, form: { token: issued.secret } }),
    ];
    for (const use of uses) {
      expect((await use()).status).toBeLessThan(300);
      expectNear((await view(issued.token.id)).lastUsedAt);
    }
    const { iat, exp } = (await uses[2]?.())?.body ?? {};
    expectNear(iat * 1000);
    expectNear(exp * 1000, 0.75);
  });

  it('take a token for expired when it is, and not before', async () => {
    const { token } = await whole.issue(user.id, { expiresAt: inHours(0.75) });
    const { state, secondsTilExpiry } = await view(token.id);
    expect(state).toBe('active');
    expect(Math.abs(secondsTilExpiry - 0.75 * 3600)).toBeLessThan(NEAR_MS / 1000);
    const list = await whole.tokens('GET', `/admin/tokens?state=active&user=ada`, { as: whole.admin });
    expect(list.body.items.map(({ id }: { id: string }) => id)).toContain(token.id);
    const past = { userId: user.id, description: 'late', scopes: ['rest'], expiresAt: inHours(-0.75) };
    const json = { ...past, password: ADMIN_PASSWORD };
    expectStatus(await whole.tokens('POST', '/admin/tokens', { as: whole.admin, json }), 400);
    const far = { ...json, expiresAt: inHours(24.5) };
    expectStatus(await whole.tokens('POST', '/admin/tokens', { as: whole.admin, json: far }), 403);
  });

  it('count wrong logins by one clock for all', async () => {
    await whole.register('bob');
    const attempt = () => whole.identity('POST', '/login', { json: { username: 'bob', password: 'wrong' } });
    let answer = await attempt();
    for (let tries = 1; answer.status === 401 && tries < 20; tries++) answer = await attempt();
    expectStatus(answer, 429);
    expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(15 * 60);
  });

  it.each(['identity', 'tokens'] as const)(
    '%s says once in its log that its clock is off, and by how much in its metrics',
    async (service) => {
      const text = await (await fetch(`${whole.system[service].url}/metrics`)).text();
      const offset = Number(/^tokenlog_clock_offset_seconds (\S+)$/m.exec(text)?.[1]);
      expect(Math.abs(offset - shift / 1000)).toBeLessThan(1);
      const lines = await eventually(async () => {
        const said = (await logOf(service)).split('\n').filter((line) => line.includes("machine's clock is"));
        expect(said).not.toEqual([]);
        return said;
      });
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatch(/(3599|3600)\.\d s (ahead of|behind) the database/);
    },
  );
});
