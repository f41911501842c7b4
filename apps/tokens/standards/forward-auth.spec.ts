import { StartSession } from '../session/start-session.js';
import { call, sessionOf } from '../testing/http.js';
import { startTokenService, type TestTokenService, type TestUser } from '../testing/token-service.js';
import { CreateToken } from '../verbs/create-token.js';
import { RevokeToken } from '../verbs/revoke-token.js';

describe('forward authentication for proxies', () => {
  let service: TestTokenService;
  let ada: TestUser;
  let token: { tokenId: string; secret: string };
  let session: string;

  beforeAll(async () => {
    service = await startTokenService();
    ada = await service.register('ada', { roles: ['operator', 'auditor'] });
    token = await issue(['rest', 'export']);
    session = await sessionOf(service, ada);
  });
  afterAll(() => service.stop());

  const issue = (scopes: string[], user = ada) =>
    service.commands.execute(
      new CreateToken(service.caller(user), { userId: user.id, description: 'export', scopes }, 'right'),
    );
  const verify = (headers: Record<string, string>, query = '') =>
    call(service, 'GET', `/auth/verify${query}`, { headers });
  const bearer = (text = token.secret) => ({ authorization: `Bearer ${text}` });
  const useCount = async (tokenId: string) =>
    (await service.store.pool.query('SELECT use_count::int FROM token_usage WHERE token_id = $1', [tokenId])).rows[0]
      ?.use_count ?? 0;

  it('lets a token through, and says in headers whose it is and what it may do', async () => {
    const answer = await verify(bearer(), '?scopes=other,export&roles=auditor');
    expect(answer).toMatchObject({ status: 204, body: '' });
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'x-auth-user': 'ada',
      'x-auth-roles': 'operator,auditor',
      'x-auth-scopes': 'rest,export',
      'x-auth-token-id': token.tokenId,
      'cache-control': 'no-store',
    });
  });

  it.each([
    ['S1 Authorization: token', () => ({ authorization: `ToKeN ${token.secret}` })],
    ['S2 Auth-Token', () => ({ 'auth-token': token.secret })],
    ['S4 Basic', () => ({ authorization: `Basic ${Buffer.from(`ada:${token.secret}`).toString('base64')}` })],
    ['S5 a session in a header', () => bearer(session)],
    ['a session in the cookie', () => ({ cookie: `session=${session}`, 'x-original-method': 'GET' })],
  ])('takes %s', async (_, headers) => expect((await verify(headers())).status).toBe(204));

  it('the session of a token says which; a password’s session has no token id, and every scope', async () => {
    const basis = { with: 'token', tokenId: token.tokenId, generation: 1 } as const;
    const { credential } = await service.commands.execute(new StartSession(basis, null));
    expect((await verify(bearer(credential))).headers.get('x-auth-token-id')).toBe(token.tokenId);
    const { headers } = await verify(bearer(session), '?scopes=rest');
    expect(headers.get('x-auth-scopes')).toBe('*');
    expect(headers.has('x-auth-token-id')).toBe(false);
  });

  it('however many roles and scopes there are, the headers are what nginx reads by default, and what was asked for is in them', async () => {
    const name = (n: number) => `${'x'.repeat(58)}-${String(n).padStart(3, '0')}`;
    const roles = Array.from({ length: 256 }, (_, n) => name(n));
    const scopes = Array.from({ length: 64 }, (_, n) => name(n));
    const { secret } = await issue(scopes, await service.register('many', { roles }));
    const asked = `?roles=other,${name(200)}&scopes=${name(63)}`;
    const answer = await verify(bearer(secret), asked);
    const size = [...answer.headers].reduce((sum, [header, value]) => sum + header.length + value.length + 4, 0);
    expect(size).toBeLessThan(4096 - 200);
    for (const [header, last, all] of [
      ['x-auth-roles', name(200), roles],
      ['x-auth-scopes', name(63), scopes],
    ] as const) {
      const told = answer.headers.get(header)?.split(',') ?? [];
      expect(told).toEqual(all.filter((one) => told.includes(one)));
      expect(told).toEqual(expect.arrayContaining([name(0), name(15), last]));
    }
    expect(answer.headers.get('x-auth-truncated')).toBe('roles,scopes');
    const refused = await verify(
      bearer(secret),
      `?scopes=${Array.from({ length: 64 }, (_, n) => name(n + 500)).join(',')}`,
    );
    expect(refused.status).toBe(403);
    expect(refused.headers.get('www-authenticate')?.length).toBeLessThan(1000);
    expect((await verify(bearer())).headers.has('x-auth-truncated')).toBe(false);
  });

  it('a user without roles has an empty header, which takes the place of one from outside', async () => {
    const plain = await issue([], await service.register('plain'));
    const { headers } = await verify({ ...bearer(plain.secret), 'x-auth-roles': 'admin', 'x-auth-scopes': 'admin' });
    expect([headers.get('x-auth-roles'), headers.get('x-auth-scopes')]).toEqual(['', '']);
  });

  it.each([
    ['ädä', '%C3%A4d%C3%A4'],
    ['a\r\nX-Auth-Roles: admin', 'a%0D%0AX-Auth-Roles:%20admin'],
    ['50%', '50%25'],
    ['ada@example.org', 'ada@example.org'],
    ['\ud83d\ude00', '%F0%9F%98%80'],
  ])('the name %j cannot become another header: %s', async (username, value) => {
    const { secret } = await issue([], await service.register(username));
    const answer = await verify(bearer(secret));
    expect(answer.headers.get('x-auth-user')).toBe(value);
    expect(answer.headers.get('x-auth-roles')).toBe('');
  });

  it('S34 each request that is let through is a use, each that is refused is none', async () => {
    const { tokenId, secret } = await issue(['rest']);
    await verify(bearer(secret), '?scopes=rest');
    await verify(bearer(secret), '?scopes=other');
    expect(await useCount(tokenId)).toBe(1);
  });

  describe('refuses', () => {
    it('nobody: 401 with a challenge, cacheable nowhere', async () => {
      const answer = await verify({});
      expect(answer).toMatchObject({ status: 401, body: { code: 'credential-missing' } });
      expect(answer.headers.get('www-authenticate')).toBe(
        'Bearer realm="tokens", Basic realm="tokens", charset="UTF-8"',
      );
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.headers.has('x-auth-user')).toBe(false);
    });

    it('S21 S33 a revoked token: 401 with the reason', async () => {
      const { tokenId, secret } = await issue(['rest']);
      await service.commands.execute(new RevokeToken(service.caller(ada), tokenId, ada.id, { password: 'right' }));
      const answer = await verify(bearer(secret));
      expect(answer).toMatchObject({ status: 401, body: { code: 'revoked' } });
      expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"');
    });

    it('S25 a token with none of the scopes: 403 insufficient_scope', async () => {
      const answer = await verify(bearer(), '?scopes=admin,other');
      expect(answer).toMatchObject({ status: 403, body: { code: 'scope' } });
      expect(answer.headers.get('www-authenticate')).toContain('error="insufficient_scope"');
      expect(answer.headers.get('www-authenticate')).toContain('scope="admin other"');
      expect(answer.headers.get('cache-control')).toBe('no-store');
    });

    it('S26 a user with none of the roles: 403', async () => {
      expect(await verify(bearer(), '?roles=admin')).toMatchObject({ status: 403, body: { code: 'role' } });
    });

    it.each(['?scopes=nosuch', '?roles=nosuch', '?scopes=rest&roles=nosuch', '?scopes=nosuch&roles=operator'])(
      'S34 %s, and counts nothing',
      async (query) => {
        const { tokenId, secret } = await issue(['rest']);
        expect((await verify(bearer(secret), query)).status).toBe(403);
        expect(await useCount(tokenId)).toBe(0);
        expect((await verify(bearer(secret), '?scopes=rest&roles=operator')).status).toBe(204);
        expect(await useCount(tokenId)).toBe(1);
      },
    );

    it('S12 S26 the password first, where a role is missing too', async () => {
      const fresh = await sessionOf(service, await service.register('fresh-too', { mustChangePassword: true }));
      expect((await verify(bearer(fresh), '?roles=admin')).body.code).toBe('password-change-required');
    });

    it('S12 a session whose user must change the password first: 403', async () => {
      const fresh = await sessionOf(service, await service.register('fresh', { mustChangePassword: true }));
      expect(await verify(bearer(fresh))).toMatchObject({ status: 403, body: { code: 'password-change-required' } });
    });

    it('a token in the URL of the question: a URL ends up in the proxy’s log', async () => {
      expect((await verify({}, `?auth_token=${token.secret}`)).status).toBe(400);
      expect((await verify({}, `?access_token=${token.secret}`)).status).toBe(400);
    });

    it.each([
      '?scope=rest',
      '?scopes=',
      '?scopes=rest,',
      '?scopes=Rest',
      '?scopes=a&scopes=b',
      '?roles=',
      '?scopes[]=a',
    ])('a typing error in the proxy’s configuration opens nothing: %s', async (query) => {
      const answer = await verify(bearer(session), query);
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid-request' } });
      expect(answer.headers.get('cache-control')).toBe('no-store');
    });
  });

  describe('S45 a cookie', () => {
    const host = 'app.example';
    const ask = (headers: Record<string, string>) =>
      verify({ cookie: `session=${session}`, 'x-forwarded-host': host, ...headers });
    const crossOrigin = expect.objectContaining({
      status: 403,
      body: expect.objectContaining({ code: 'cross-origin' }),
    });
    const letThrough = expect.objectContaining({ status: 204 });

    it.each(['x-forwarded-method', 'x-original-method'])(
      'speaks for a GET and a HEAD that %s tells',
      async (header) => {
        expect(await ask({ [header]: 'GET', 'sec-fetch-site': 'cross-site' })).toEqual(letThrough);
        expect(await ask({ [header]: 'HEAD' })).toEqual(letThrough);
      },
    );

    it.each([
      ['POST', { 'x-forwarded-method': 'POST' }],
      ['DELETE by the other header', { 'x-original-method': 'DELETE' }],
      ['a method in lower case', { 'x-forwarded-method': 'get' }],
      ['an empty method', { 'x-forwarded-method': '' }],
      ['POST, and another header that says GET', { 'x-original-method': 'POST', 'x-forwarded-method': 'GET' }],
      ['GET, and another header that says POST', { 'x-original-method': 'GET', 'x-forwarded-method': 'POST' }],
      ['a method that is not told', {}],
    ])('speaks for %s only from the same origin', async (_, method) => {
      const told: Record<string, string> = { ...method };
      expect(await ask(told)).toEqual(crossOrigin);
      expect(await ask({ ...told, 'sec-fetch-site': 'cross-site' })).toEqual(crossOrigin);
      expect(await ask({ ...told, 'sec-fetch-site': 'same-site' })).toEqual(crossOrigin);
      expect(await ask({ ...told, origin: 'https://evil.example' })).toEqual(crossOrigin);
      expect(await ask({ ...told, origin: 'null' })).toEqual(crossOrigin);
      expect(await ask({ ...told, 'sec-fetch-site': 'same-origin' })).toEqual(letThrough);
      expect(await ask({ ...told, origin: `https://${host}` })).toEqual(letThrough);
    });

    it('a header with a token needs no origin', async () => {
      expect(await verify({ ...bearer(), 'x-forwarded-method': 'POST', 'sec-fetch-site': 'cross-site' })).toEqual(
        letThrough,
      );
    });
  });

  it('what the request was about is in no event', async () => {
    const { tokenId, secret } = await issue(['rest']);
    await verify({
      ...bearer(secret),
      'x-original-uri': '/private?name=value',
      'x-forwarded-uri': '/private?name=value',
    });
    expect(await useCount(tokenId)).toBe(1);
    const { rows } = await service.store.pool.query(`SELECT 1 FROM events e WHERE strpos(e::text, '/private') > 0`);
    expect(rows).toEqual([]);
  });
});
