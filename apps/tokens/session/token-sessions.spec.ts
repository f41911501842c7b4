import { eventually } from '../../../test/support/eventually.js';
import { call, sessionOf } from '../testing/http.js';
import { startTokenService, type TestTokenService, type TestUser } from '../testing/token-service.js';
import { CreateToken } from '../verbs/create-token.js';
import { DeleteToken } from '../verbs/delete-token.js';
import { ReassignToken } from '../verbs/reassign-token.js';
import { RefreshToken } from '../verbs/refresh-token.js';
import { RevokeToken } from '../verbs/revoke-token.js';
import { EndSession } from './end-session.js';

describe('sessions of tokens', () => {
  let service: TestTokenService;
  let ada: TestUser;
  let root: TestUser;

  beforeAll(async () => {
    service = await startTokenService();
    ada = await service.register('ada', { roles: ['operator'] });
    root = await service.register('root', { roles: ['admin'] });
  });
  afterAll(() => service.stop());

  const issue = (expiresAt: string | null = null, scopes = ['tokens']) =>
    service.commands.execute(
      new CreateToken(service.caller(ada), { userId: ada.id, description: 'pages', scopes, expiresAt }, 'right'),
    );
  const start = async (secret: string): Promise<{ credential: string; expiresAt: string }> =>
    (await call(service, 'POST', '/sessions', { as: secret })).body.session;
  const outcome = async (credential: string) => {
    const reply = await service.verify({ credential });
    return reply.active ? 'active' : reply.reason;
  };
  const activeSessions = async (tokenId: string): Promise<number> => {
    const as = await sessionOf(service, ada);
    return (await call(service, 'GET', `/tokens/${tokenId}`, { as })).body.token.activeSessions;
  };

  it('S5 POST /sessions answers with a session of the token, and sets it as a cookie that other sites do not send', async () => {
    const { tokenId, secret } = await issue();
    const answer = await call(service, 'POST', '/sessions', { as: secret });
    expect(answer.status).toBe(201);
    const { credential } = answer.body.session;
    expect(credential).toMatch(/^tks_/);
    expect(answer.headers.getSetCookie()).toEqual([
      expect.stringMatching(new RegExp(`^session=${credential}; Path=/; Expires=[^;]+; HttpOnly; SameSite=Strict$`)),
    ]);
    expect(await service.verify({ credential })).toMatchObject({
      kind: 'session',
      token: { id: tokenId },
      user: { username: 'ada' },
      session: { startedWith: 'token' },
    });
  });

  it('S5 a session cannot start another one: it would outlive the first', async () => {
    const { secret } = await issue();
    const { credential } = await start(secret);
    for (const as of [credential, await sessionOf(service, ada)]) {
      expect(await call(service, 'POST', '/sessions', { as })).toMatchObject({
        status: 403,
        body: { code: 'not-a-token' },
      });
    }
  });

  it.each<[string, (credential: string) => Record<string, string>]>([
    ['Authorization: Bearer', (text) => ({ authorization: `Bearer ${text}` })],
    ['S1 Authorization: token', (text) => ({ authorization: `TOKEN ${text}` })],
    ['S2 Auth-Token', (text) => ({ 'auth-token': text })],
    ['S4 Basic', (text) => ({ authorization: `Basic ${Buffer.from(`ada:${text}`).toString('base64')}` })],
    ['the cookie', (text) => ({ cookie: `session=${text}` })],
  ])('S5 its credential is taken wherever a token is: %s', async (_, headers) => {
    const { tokenId, secret } = await issue();
    const { credential } = await start(secret);
    const answer = await call(service, 'GET', '/tokens', { headers: headers(credential) });
    expect(answer.status).toBe(200);
    expect(answer.body.items.map(({ id }: { id: string }) => id)).toContain(tokenId);
  });

  it.each([
    ['form', 'application/x-www-form-urlencoded', (text: string) => `auth_token=${text}`],
    ['JSON', 'application/json', (text: string) => JSON.stringify({ auth_token: text })],
  ])('S3 S5 its credential is taken as auth_token of a POST too: %s', async (_, type, body) => {
    const { secret } = await issue();
    const { credential } = await start(secret);
    const post = (text: string) =>
      fetch(new URL('/sessions', service.url), { method: 'POST', headers: { 'content-type': type }, body: body(text) });
    expect((await post(secret)).status).toBe(201);
    expect(await (await post(credential)).json()).toMatchObject({ code: 'not-a-token' });
  });

  it('S26 it may do what its token may, and no more', async () => {
    const { secret } = await issue(null, ['rest']);
    const { credential } = await start(secret);
    expect(await call(service, 'GET', '/tokens', { as: credential })).toMatchObject({
      status: 403,
      body: { code: 'scope' },
    });
  });

  it('S28 ends at the instant at which its token expires', async () => {
    const expiresAt = new Date(Date.now() + 1500).toISOString();
    const { tokenId, secret } = await issue(expiresAt);
    const session = await start(secret);
    expect(session.expiresAt).toBe(expiresAt);
    expect(await outcome(session.credential)).toBe('active');
    expect(await activeSessions(tokenId)).toBe(1);
    await eventually(async () => expect(await outcome(session.credential)).not.toBe('active'));
    expect(Date.now()).toBeGreaterThan(Date.parse(expiresAt));
    expect(Date.now()).toBeLessThan(Date.parse(expiresAt) + 2_000);
    expect(await activeSessions(tokenId)).toBe(0);
  });

  it('S28 one that could last longer ends with its token whose expiry was moved forward', async () => {
    const { tokenId, secret } = await issue();
    const { credential } = await start(secret);
    const expiresAt = new Date(Date.now() + 1000).toISOString();
    const as = await sessionOf(service, ada);
    expect((await call(service, 'GET', `/sessions?token=${tokenId}`, { as })).body.total).toBe(1);
    expect((await call(service, 'PATCH', `/tokens/${tokenId}`, { as, json: { expiresAt } })).status).toBe(200);
    await eventually(async () => expect(await outcome(credential)).toBe('expired'));
    expect(Date.now()).toBeGreaterThan(Date.parse(expiresAt));
    expect(await activeSessions(tokenId)).toBe(0);
    expect((await call(service, 'GET', `/sessions?token=${tokenId}`, { as })).body).toMatchObject({
      items: [],
      total: 0,
    });
  });

  const password = 'right';
  const endings: Record<string, (tokenId: string) => Promise<unknown>> = {
    revoked: (id) => service.commands.execute(new RevokeToken(service.caller(ada), id, ada.id, { password })),
    refreshed: (id) => service.commands.execute(new RefreshToken(service.caller(ada), id, ada.id, { password })),
    deleted: (id) => service.commands.execute(new DeleteToken(service.caller(ada), id, ada.id, 'right')),
    reassigned: (id) => service.commands.execute(new ReassignToken(service.caller(root), id, root.id, 'right')),
  };
  it.each(Object.keys(endings))('S29 all of them have ended when their token is %s, and no other has', async (name) => {
    const { tokenId, secret } = await issue();
    const sessions = [await start(secret), await start(secret)];
    const others = [await start((await issue()).secret), { credential: await sessionOf(service, ada) }];
    await endings[name]?.(tokenId);
    for (const { credential } of sessions) expect(await outcome(credential)).toBe('session-ended');
    for (const { credential } of others) expect(await outcome(credential)).toBe('active');
  });

  it.each(Object.keys(endings))('S29 none that starts while its token is %s outlives that', async (name) => {
    for (let round = 0; round < 5; round++) {
      const { tokenId, secret } = await issue();
      const starting = Promise.all(Array.from({ length: 5 }, () => call(service, 'POST', '/sessions', { as: secret })));
      await endings[name]?.(tokenId);
      for (const answer of await starting) {
        expect([201, 401, 409]).toContain(answer.status);
        if (answer.status === 201) expect(await outcome(answer.body.session.credential)).toBe('session-ended');
      }
    }
  });

  it('S36 Active Sessions follows their starts and ends', async () => {
    const { tokenId, secret } = await issue();
    expect(await activeSessions(tokenId)).toBe(0);
    const { credential } = await start(secret);
    await start(secret);
    expect(await activeSessions(tokenId)).toBe(2);
    const reply = await service.verify({ credential });
    if (!reply.active || !reply.session) throw new Error('the session is not active');
    await service.commands.execute(new EndSession(reply.session.id, 'anyone', 'logout', { by: { kind: 'system' } }));
    expect(await activeSessions(tokenId)).toBe(1);
    await service.commands.execute(new RevokeToken(service.caller(ada), tokenId, ada.id, { password }));
    expect(await activeSessions(tokenId)).toBe(0);
  });

  it('S27 knows whether a session stands on a token: identity refuses the password change by it', async () => {
    const { secret } = await issue();
    const { credential } = await start(secret);
    expect(await service.verify({ credential })).toMatchObject({ session: { startedWith: 'token' } });
    expect(await service.verify({ credential: await sessionOf(service, ada) })).toMatchObject({
      session: { startedWith: 'password' },
    });
  });

  it('S45 a cookie of such a session ends nothing when another site asks', async () => {
    const { tokenId, secret } = await issue();
    const { credential } = await start(secret);
    const headers = { cookie: `session=${credential}`, 'sec-fetch-site': 'cross-site' };
    expect(await call(service, 'DELETE', `/tokens/${tokenId}`, { headers })).toMatchObject({
      status: 403,
      body: { code: 'cross-origin' },
    });
    expect(await outcome(secret)).toBe('active');
  });
});
