import { randomUUID } from 'node:crypto';
import { formatCredential, generateSecret, parseCredential } from '@tokenlog/contracts/credential.js';
import { eventually } from '../../../test/support/eventually.js';
import { call, sessionOf } from '../testing/http.js';
import { shortLived } from '../testing/short-lived.js';
import { startTokenService, type TestTokenService, type TestUser } from '../testing/token-service.js';
import { CreateToken } from '../verbs/create-token.js';
import { RevokeToken } from '../verbs/revoke-token.js';

describe('S5 a token in the URL opens the pages', () => {
  let service: TestTokenService;
  let ada: TestUser;

  beforeAll(async () => {
    service = await startTokenService({ TRUSTED_PROXIES: '1' });
    ada = await service.register('ada', { roles: ['operator'] });
  });
  afterAll(() => service.stop());

  const issue = (expiresAt: string | null = null) =>
    service.commands.execute(
      new CreateToken(
        service.caller(ada),
        { userId: ada.id, description: 'bookmark', scopes: ['rest'], expiresAt },
        'right',
      ),
    );
  const enter = (parameters: Record<string, string> | string, headers: Record<string, string> = {}) =>
    call(service, 'GET', `/enter?${new URLSearchParams(parameters)}`, { headers, redirect: 'manual' });
  const cookieOf = ({ headers }: { headers: Headers }) => headers.getSetCookie()[0] ?? '';
  const credentialOf = (answer: { headers: Headers }) => /^session=([^;]+)/.exec(cookieOf(answer))?.[1] ?? '';
  const sessionCount = async () =>
    (await service.store.pool.query(`SELECT count(*)::int FROM events WHERE type = 'session-started'`)).rows[0].count;
  const useCount = async (tokenId: string) =>
    (await service.store.pool.query('SELECT use_count::int FROM token_usage WHERE token_id = $1', [tokenId])).rows[0]
      ?.use_count ?? 0;

  it('starts a session as the token’s user and sends the browser on, without the token', async () => {
    const { tokenId, secret } = await issue();
    const answer = await enter({ access_token: secret, next: '/tokens?state=active' });
    expect(answer.status).toBe(303);
    expect(answer.headers.get('location')).toBe('/tokens?state=active');
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(JSON.stringify([answer.body, ...answer.headers])).not.toContain(secret);
    const headers = { cookie: `session=${credentialOf(answer)}` };
    expect(await service.verify({ credential: credentialOf(answer) })).toMatchObject({
      active: true,
      kind: 'session',
      token: { id: tokenId },
      user: { username: 'ada' },
      session: { startedWith: 'token' },
    });
    expect((await call(service, 'GET', '/auth/verify?scopes=rest', { headers })).status).toBe(403);
    headers.cookie += '; other=1';
    expect(
      await call(service, 'GET', '/auth/verify', { headers: { ...headers, 'x-forwarded-method': 'GET' } }),
    ).toMatchObject({ status: 204 });
  });

  it('goes to / when nothing else is said', async () => {
    const { secret } = await issue();
    expect((await enter({ access_token: secret })).headers.get('location')).toBe('/');
  });

  it('S34 is one use of the token', async () => {
    const { tokenId, secret } = await issue();
    await enter({ access_token: secret });
    expect(await useCount(tokenId)).toBe(1);
  });

  it('the cookie is out of reach of scripts, and Lax: after a link on another site the first page has it too', async () => {
    const { secret } = await issue(new Date(Date.now() + 60_000).toISOString());
    const answer = await enter({ access_token: secret });
    expect(cookieOf(answer)).toMatch(/; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/);
    const expires = Date.parse(/Expires=([^;]+)/.exec(cookieOf(answer))?.[1] ?? '');
    expect(expires).toBeLessThanOrEqual(Date.now() + 60_000);
  });

  it('over TLS the cookie is Secure', async () => {
    const { secret } = await issue();
    expect(cookieOf(await enter({ access_token: secret }, { 'x-forwarded-proto': 'https' }))).toContain('; Secure');
  });

  it('S45 what changes something is refused to that cookie when another site asks', async () => {
    const { secret } = await issue();
    const headers = { cookie: `session=${credentialOf(await enter({ access_token: secret }))}` };
    const from = (site: string) =>
      call(service, 'POST', '/tokens', { headers: { ...headers, 'sec-fetch-site': site }, json: {} });
    expect(await from('cross-site')).toMatchObject({ status: 403, body: { code: 'cross-origin' } });
    expect((await from('same-origin')).body.code).not.toBe('cross-origin');
  });

  it.each([
    'https://evil.example/',
    '//evil.example',
    '/\\evil.example',
    '/%2Fevil.example',
    '/%5Cevil.example',
    '/\t/evil.example',
    'tokens',
    '',
  ])('refuses to send the browser to %j: 400 that names next, and no session', async (next) => {
    const { tokenId, secret } = await issue();
    const before = await sessionCount();
    const answer = await enter({ access_token: secret, next });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid-request', errors: [{ field: 'next' }] } });
    expect(answer.headers.get('location')).toBeNull();
    expect(answer.headers.getSetCookie()).toEqual([]);
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
    expect(await sessionCount()).toBe(before);
    expect(await useCount(tokenId)).toBe(0);
    expect(JSON.stringify(answer.body)).not.toContain(parseCredential(secret)?.secret);
  });

  it.each<[string, () => Promise<string>, string]>([
    ['garbage', async () => 'nonsense', 'malformed'],
    ['nothing', async () => '', 'malformed'],
    ['unknown', async () => formatCredential({ prefix: 'tkl', id: randomUUID(), secret: generateSecret() }), 'unknown'],
    [
      'another secret',
      async () => formatCredential({ prefix: 'tkl', id: (await issue()).tokenId, secret: generateSecret() }),
      'unknown',
    ],
    [
      'revoked',
      async () => {
        const { tokenId, secret } = await issue();
        await service.commands.execute(new RevokeToken(service.caller(ada), tokenId, ada.id, { password: 'right' }));
        return secret;
      },
      'revoked',
    ],
    [
      'expired',
      async () => {
        const { secret } = await shortLived((expiresAt) => issue(expiresAt));
        await eventually(async () => expect((await enter({ access_token: secret })).status).toBe(401));
        return secret;
      },
      'expired',
    ],
  ])('S33 a token that is not good is a 401 with the reason, without the token: %s', async (_, make, code) => {
    const secret = await make();
    // Somebody is here already: that says nothing for the token.
    const answer = await enter({ access_token: secret }, { cookie: `session=${await sessionOf(service, ada)}` });
    expect(answer).toMatchObject({ status: 401, body: { status: 401, code } });
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.getSetCookie()).toEqual([]);
    if (secret) expect(JSON.stringify([answer.body, ...answer.headers])).not.toContain(secret);
  });

  it('without a token: 400 that names it, whoever else the request says it is', async () => {
    const { secret } = await issue();
    const answer = await enter({ next: '/' }, { authorization: `Bearer ${secret}` });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ field: 'access_token' }] } });
  });

  it('with two: 400; the token in a place of its own making is not repeated in the answer', async () => {
    const { secret } = await issue();
    for (const query of [`access_token=${secret}&access_token=${secret}`, `${secret}=1`, `next=${secret}`]) {
      const answer = await enter(query);
      expect(answer.status).toBe(400);
      expect(JSON.stringify(answer.body)).not.toContain(secret);
    }
  });

  it('a session cannot start another one: 403 not-a-token', async () => {
    const answer = await enter({ access_token: await sessionOf(service, ada) });
    expect(answer).toMatchObject({ status: 403, body: { code: 'not-a-token' } });
    expect(answer.headers.getSetCookie()).toEqual([]);
  });

  it('the token is in no event and in no line that is logged', async () => {
    const lines: string[] = [];
    const keep = (...parts: unknown[]) => void lines.push(parts.map(String).join(' '));
    service.app.useLogger({ log: keep, warn: keep, error: keep, fatal: keep, debug: keep, verbose: keep });
    const { secret } = await issue();
    for (const next of ['/here', '//evil.example']) await enter({ access_token: secret, next });
    await enter({ access_token: `${secret}x` });
    service.app.useLogger(['fatal']);
    const part = parseCredential(secret)?.secret;
    expect(lines.join('')).not.toContain(part);
    const { rows } = await service.store.pool.query('SELECT 1 FROM events e WHERE strpos(e::text, $1) > 0', [part]);
    expect(rows).toEqual([]);
  });
});
