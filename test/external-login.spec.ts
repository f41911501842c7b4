import { connectNats } from '@tokenlog/platform/nats.js';
import { type System, startSystem } from '../tools/system.js';
import { type Answer, type Call, httpClient } from '../tools/tour/client.js';
import { newDataDir } from './support/data-dir.js';
import { eventually } from './support/eventually.js';
import { OpenIdProvider } from './support/openid-provider.js';
import { freePorts } from './support/started.js';

const ADMIN_PASSWORD = 'external-admin-password';
const PASSWORD = 'a local password';
const silent = { step: () => undefined, call: () => undefined };
type Http = (method: string, path: string, call?: Call) => Promise<Answer>;

describe('external login, on whole systems of real processes and a real provider', () => {
  let env: NodeJS.ProcessEnv;
  let dataDir: string;
  let provider: OpenIdProvider;
  let system: System;
  let identity: Http;
  let tokens: Http;
  let example: Http;
  let admin: string;

  const start = async (more: Record<string, string> = {}) => {
    system = await startSystem({ dataDir, fsync: false, env: { ...env, ...more } });
    identity = httpClient('identity', system.identity.url, silent);
    tokens = httpClient('tokens', system.tokens.url, silent);
    example = httpClient('example-api', system.example.url, silent);
  };
  /** The session's credential after the whole dance. */
  const logIn = async (name: string) => {
    const { browser, answer } = await provider.logIn(name);
    expect(answer.status).toBe(302);
    return browser.cookie('session') ?? '';
  };
  const passwordLogin = async (username: string, password: string): Promise<string> => {
    const answer = await identity('POST', '/login', { json: { username, password } });
    expect(answer.status).toBe(200);
    return answer.body.session.credential;
  };
  const me = async (as: string) => (await identity('GET', '/me', { as })).body.user;
  const create = (as: string, more: object = {}) =>
    tokens('POST', '/tokens', { as, json: { description: 'export', scopes: ['rest'], password: PASSWORD, ...more } });
  const createFor = (userId: string) => {
    const json = { userId, description: 'for another', scopes: ['rest'], password: ADMIN_PASSWORD };
    return tokens('POST', '/admin/tokens', { as: admin, json });
  };
  const verify = async (credential: string) => {
    const nats = await connectNats(system.natsUrls.guard, 'guard', 'test');
    const reply = await nats.request('tokens.verify', JSON.stringify({ credential }));
    await nats.close();
    return reply.json();
  };
  const expectProblem = ({ status, body }: Answer, expected: number, code: string) =>
    expect({ status, code: body.code }).toEqual({ status: expected, code });

  beforeAll(async () => {
    const ports = await freePorts();
    dataDir = await newDataDir('external-login');
    provider = await OpenIdProvider.start(`http://127.0.0.1:${ports.IDENTITY_PORT}/login/oidc/callback`);
    await provider.knows({ ada: { roles: ['operator'] }, boss: { roles: ['admin'] } });
    env = { ...process.env, ...ports, ...provider.env, ADMIN_PASSWORD, DATABASE_URL: '', NATS_URL: '' };
    await start();
    admin = await passwordLogin('admin', ADMIN_PASSWORD);
  });
  afterAll(async () => {
    await system?.stop();
    await provider?.stop();
  });

  it('S16 a user who never logged in gets no token, by nobody’s hand, until the first login', async () => {
    const grace = (await identity('POST', '/users', { as: admin, json: { username: 'grace' } })).body;
    expectProblem(await createFor(grace.id), 409, 'user-never-logged-in');
    const own = (await create(admin, { password: ADMIN_PASSWORD })).body.token;
    const reassign = { as: admin, json: { userId: grace.id, password: ADMIN_PASSWORD } };
    expectProblem(await tokens('POST', `/admin/tokens/${own.id}/reassign`, reassign), 409, 'user-never-logged-in');

    const link = { as: admin, json: { subject: 'grace' } };
    expect((await identity('PUT', `/users/${grace.id}/external-identity`, link)).status).toBe(204);
    expect((await me(await logIn('grace'))).id).toBe(grace.id);
    expect((await createFor(grace.id)).status).toBe(201);
  });

  it('S17 an external login is a session like any other; the provider’s roles travel with it and with tokens', async () => {
    const session = await logIn('ada');
    const { id } = await me(session);
    expect((await tokens('GET', '/tokens', { as: session })).status).toBe(200);
    expect((await example('GET', '/', { as: session })).body.user).toEqual({
      id,
      username: 'ada',
      roles: ['operator'],
    });
    const { secret } = (await createFor(id)).body;
    await provider.knows({ ada: { roles: ['auditor'] }, boss: { roles: ['admin'] } });
    await logIn('ada');
    expect((await example('GET', '/', { as: secret })).body.user.roles).toEqual(['auditor']);
  });

  it('S11 S12 S17 a local password beside it, set by the help desk, is for re-entry and for login', async () => {
    const before = await logIn('lin');
    expectProblem(await create(before), 409, 'no-local-password');
    const set = { as: admin, json: { actorPassword: ADMIN_PASSWORD, newPassword: 'an initial password' } };
    expect((await identity('PUT', `/users/${(await me(before)).id}/password`, set)).status).toBe(204);

    const session = await logIn('lin');
    expectProblem(await create(session), 403, 'password-change-required');
    const change = { currentPassword: 'an initial password', newPassword: PASSWORD };
    expect((await identity('PUT', '/me/password', { as: session, json: change })).status).toBe(204);
    expectProblem(await create(session, { password: 'wrong' }), 403, 'wrong-password');
    expect((await create(session)).status).toBe(201);
    expect((await me(await passwordLogin('lin', PASSWORD))).external).toBe(true);
  });

  it('S32 a user disabled here has no external login, session or token', async () => {
    const session = await logIn('carol');
    const { id } = await me(session);
    const { secret } = (await createFor(id)).body;
    await identity('PATCH', `/users/${id}`, { as: admin, json: { disabled: true } });
    const { answer, browser } = await provider.logIn('carol');
    expect({ status: answer.status, body: await answer.json() }).toMatchObject({
      status: 403,
      body: { code: 'user-disabled' },
    });
    expect(browser.cookie('session')).toBeUndefined();
    expect(await verify(session)).toEqual({ active: false, reason: 'session-ended' });
    expect(await verify(secret)).toEqual({ active: false, reason: 'user-disabled' });
  });

  it('S17 S30 S31 with LOCAL_ACCOUNTS=vanish local accounts go; their tokens are invalid, listed, and reassignable', async () => {
    const register = { username: 'local', password: PASSWORD, mustChangePassword: false };
    expect((await identity('POST', '/users', { as: admin, json: register })).status).toBe(201);
    const { token, secret } = (await create(await passwordLogin('local', PASSWORD))).body;
    const used = await verify(secret);
    expect(used).toMatchObject({ active: true, user: { username: 'local' } });
    // With an admin at the provider, the local one is no longer needed as the way in.
    await logIn('boss');

    await system.stop();
    await start({ LOCAL_ACCOUNTS: 'vanish', POLICY_REQUIRE_PASSWORD: 'none' });
    await eventually(async () => expect(await verify(secret)).toEqual({ active: false, reason: 'invalid' }));
    for (const [username, password] of [
      ['local', PASSWORD],
      ['admin', ADMIN_PASSWORD],
    ]) {
      expectProblem(await identity('POST', '/login', { json: { username, password } }), 401, 'wrong-credentials');
    }
    const boss = await logIn('boss');
    const people = (await identity('GET', '/users?kind=person', { as: boss })).body.items;
    expect(people.map(({ username }: { username: string }) => username)).toEqual([
      'ada',
      'boss',
      'carol',
      'grace',
      'lin',
    ]);
    expect(await me(await passwordLogin('lin', PASSWORD))).toMatchObject({ username: 'lin' });

    const { items } = (await tokens('GET', '/admin/tokens?user=local', { as: boss })).body;
    expect(items).toMatchObject([{ id: token.id, user: 'local', state: 'invalid' }]);
    const ada = people.find(({ username }: { username: string }) => username === 'ada');
    const reassigned = await tokens('POST', `/admin/tokens/${token.id}/reassign`, {
      as: boss,
      json: { userId: ada.id },
    });
    expect(reassigned.status).toBe(200);
    expect(await verify(reassigned.body.secret)).toMatchObject({ active: true, user: { username: 'ada' } });
    expect(await verify(secret)).toEqual({ active: false, reason: 'superseded' });
  });
});
