import { Browser } from '../../../test/support/browser.js';
import { OpenIdProvider } from '../../../test/support/openid-provider.js';
import { choosePort } from '../../../tools/ports.js';
import { ADMIN_PASSWORD, IdentityUnderTest, PASSWORD } from '../testing/identity-under-test.js';
import type { OwnView } from '../user/user-view.js';
import { LOGIN_COOKIE } from './external-login-cookie.js';

const PEOPLE = {
  ada: {
    name: 'Ada Lovelace',
    email: 'ada@example.org',
    email_verified: true,
    roles: ['operator', 'No Role', 'auditor'],
  },
};

describe('external login', () => {
  let port: number;
  let provider: OpenIdProvider;
  let identity: IdentityUnderTest;

  beforeAll(async () => {
    port = await choosePort();
    provider = await OpenIdProvider.start(`http://127.0.0.1:${port}/login/oidc/callback`);
    identity = await IdentityUnderTest.start({ ...provider.env, IDENTITY_PORT: String(port) });
  });
  beforeEach(() => provider.knows(PEOPLE));
  afterAll(async () => {
    await identity?.stop();
    await provider?.stop();
  });

  const url = (path: string) => new URL(path, `http://127.0.0.1:${port}`);
  const me = async (browser: Browser) => {
    const answer = await browser.open(url('/me'));
    expect(answer.status).toBe(200);
    return (await answer.json()) as OwnView;
  };
  const eventsOf = async (id: string) => (await identity.log()).filter(({ entity }) => entity === id);
  const expectProblem = async (answer: Response, status: number, code: string) => {
    expect({ status: answer.status, body: await answer.json() }).toMatchObject({ status, body: { status, code } });
    expect(answer.headers.getSetCookie().filter((line) => line.startsWith('session='))).toEqual([]);
  };

  it('S17 registers the user at the first login, with roles and contact from the claims and no password', async () => {
    const { browser, answer } = await provider.logIn('ada', '/login/oidc?next=/tokens?x=1');
    expect(answer.status).toBe(302);
    expect(answer.headers.get('location')).toBe('/tokens?x=1');
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.getSetCookie().find((line) => line.startsWith('session='))).toMatch(
      /^session=tks_\w+; Path=\/; Expires=.*; HttpOnly; SameSite=Lax$/,
    );
    expect(browser.cookie(LOGIN_COOKIE)).toBeUndefined();

    const { user, contact } = await me(browser);
    expect(user).toMatchObject({ kind: 'person', username: 'ada', roles: ['auditor', 'operator'] });
    expect(user).toMatchObject({ external: true, hasPassword: false, lastLoginAt: expect.any(String) });
    expect(contact).toEqual({ displayName: 'Ada Lovelace', email: 'ada@example.org', phone: null });
    const by = { kind: 'user', id: user.id, username: 'ada' };
    expect(await eventsOf(user.id)).toMatchObject([
      {
        type: 'user-registered',
        data: { user: { hasPassword: false, hasLoggedIn: false } },
        metadata: { by: { kind: 'system' } },
      },
      { type: 'user-logged-in', data: { method: 'oidc', user: { hasLoggedIn: true } }, metadata: { by } },
    ]);
    expect(JSON.stringify(await eventsOf(user.id))).not.toContain('Lovelace');
  });

  it('S17 takes over what changed at the provider, and tells of it only where roles did', async () => {
    const before = (await me((await provider.logIn('ada')).browser)).user;
    await provider.knows({ ada: { preferred_username: 'ada.king', name: 'Ada King', roles: 'auditor' } });
    const { user, contact } = await me((await provider.logIn('ada')).browser);
    expect(user).toMatchObject({ id: before.id, username: 'ada', roles: ['auditor'] });
    // What the provider does not tell stays.
    expect(contact).toMatchObject({ displayName: 'Ada King', email: 'ada@example.org' });
    const last = (await eventsOf(user.id)).slice(-2);
    expect(last).toMatchObject([
      { type: 'user-changed', data: { user: { roles: ['auditor'] } } },
      { type: 'user-logged-in' },
    ]);
    expect(identity.tokens.events.at(-2)).toMatchObject({ type: 'user-changed', userId: user.id });

    await provider.logIn('ada');
    expect((await eventsOf(user.id)).slice(-2).map(({ type }) => type)).toEqual(['user-logged-in', 'user-logged-in']);
  });

  it('S17 registers one user when one person logs in for the first time twice at once', async () => {
    const logins = await Promise.all([1, 2, 3].map(() => provider.logIn('twin')));
    expect(logins.map(({ answer }) => answer.status)).toEqual([302, 302, 302]);
    const users = await Promise.all(logins.map(async ({ browser }) => (await me(browser)).user.id));
    expect(new Set(users).size).toBe(1);
  });

  it('S17 does not give a local account to whoever has its name at the provider', async () => {
    const bob = await identity.register('Bob');
    await expectProblem((await provider.logIn('bob')).answer, 409, 'username-taken');
    expect((await eventsOf(bob.id)).map(({ type }) => type)).toEqual(['user-registered']);
    await provider.knows({ mallory: { preferred_username: 'admin', roles: ['admin'] } });
    await expectProblem((await provider.logIn('mallory')).answer, 409, 'username-taken');
  });

  it('S17 refuses an account name that Tokenlog cannot use, saying so', async () => {
    for (const preferred_username of ['no spaces please', '', ['ada'], null]) {
      await provider.knows({ odd: { preferred_username } });
      await expectProblem((await provider.logIn('odd')).answer, 400, 'username-unusable');
    }
  });

  it('S17 goes on with a local account that an admin has linked, and ends with the link', async () => {
    const admin = await identity.as('admin', ADMIN_PASSWORD);
    const { id } = await identity.register('grace');
    await admin.put(`/users/${id}/external-identity`, { subject: 'hopper' }).expect(204);
    expect((await admin.get(`/users/${id}`)).body.external).toBe(true);
    expect((await eventsOf(id)).at(-1)).toMatchObject({
      type: 'user-changed',
      metadata: { by: { username: 'admin' } },
    });
    const { user } = await me((await provider.logIn('hopper')).browser);
    expect(user).toMatchObject({ id, username: 'grace', hasPassword: true });
    await identity.login('grace', PASSWORD).expect(200);

    const other = await identity.register('other');
    const taken = { subject: 'hopper' };
    await admin.put(`/users/${other.id}/external-identity`, taken).expect(409, /external-identity-taken/);
    const robot = await identity.register('robot', { kind: 'application', password: null });
    await admin.put(`/users/${robot.id}/external-identity`, { subject: 'r' }).expect(409, /application-user/);
    const grace = await identity.as('grace', PASSWORD);
    await grace.put(`/users/${id}/external-identity`, { subject: 'mine' }).expect(403);

    await admin.put(`/users/${id}/external-identity`, { subject: null }).expect(204);
    await provider.knows({ hopper: { preferred_username: 'grace' } });
    await expectProblem((await provider.logIn('hopper')).answer, 409, 'username-taken');
  });

  it('S32 a disabled user cannot log in externally either', async () => {
    const { user } = await me((await provider.logIn('carol')).browser);
    const admin = await identity.as('admin', ADMIN_PASSWORD);
    await admin.patch(`/users/${user.id}`, { disabled: true }).expect(200);
    const events = (await identity.log()).length;
    await expectProblem((await provider.logIn('carol')).answer, 403, 'user-disabled');
    expect(await identity.log()).toHaveLength(events);
    await admin.patch(`/users/${user.id}`, { disabled: false }).expect(200);
    expect((await provider.logIn('carol')).answer.status).toBe(302);
  });

  it('S12 S17 the help desk sets a local password beside it, which works for login at once', async () => {
    const { user } = await me((await provider.logIn('dora')).browser);
    await identity.login('dora', PASSWORD).expect(401);
    const admin = await identity.as('admin', ADMIN_PASSWORD);
    const passwords = { actorPassword: ADMIN_PASSWORD, newPassword: PASSWORD };
    await admin.put(`/users/${user.id}/password`, passwords).expect(204);
    const local = await identity.as('dora', PASSWORD);
    await local.put('/me/password', { currentPassword: PASSWORD, newPassword: 'a third password' }).expect(204);
    expect((await provider.logIn('dora')).answer.status).toBe(302);
    await identity.login('dora', 'a third password').expect(200);
  });

  describe('binds a login to the browser that started it', () => {
    const begin = async (browser = new Browser()) => ({
      browser,
      authorization: await browser.redirect(url('/login/oidc')),
    });

    it('with PKCE, state and nonce, in a sealed cookie that scripts do not see', async () => {
      const started = await new Browser().open(url('/login/oidc'));
      const [line] = started.headers.getSetCookie();
      expect(line).toMatch(
        /^external-login=[\w-]+; Max-Age=600; Path=\/login\/oidc; Expires=.*; HttpOnly; SameSite=Lax$/,
      );
      const asked = new URL(started.headers.get('location') ?? '').searchParams;
      expect(Object.fromEntries(asked)).toMatchObject({
        response_type: 'code',
        scope: 'openid profile email',
        redirect_uri: provider.redirectUrl,
        code_challenge_method: 'S256',
        code_challenge: expect.stringMatching(/^[\w-]{43}$/),
        state: expect.stringMatching(/^[\w-]{43}$/),
        nonce: expect.stringMatching(/^[\w-]{43}$/),
      });
      for (const name of ['state', 'nonce', 'code_challenge']) expect(line).not.toContain(asked.get(name));
    });

    it('S45 a callback in a browser that started nothing is refused, and without its cookie, or with a changed one', async () => {
      const { browser, authorization } = await begin();
      const back = await provider.pass(browser, authorization, 'ada');
      await expectProblem(await new Browser().open(back), 400, 'login-not-started');

      const cookie = browser.cookie(LOGIN_COOKIE) ?? '';
      const flipped = cookie.at(-20) === 'A' ? 'B' : 'A';
      for (const value of [cookie.slice(0, -1), cookie.slice(0, -20) + flipped + cookie.slice(-19), 'x', '', null]) {
        const { browser, authorization } = await begin();
        const back = await provider.pass(browser, authorization, 'ada');
        browser.setCookie(LOGIN_COOKIE, value);
        await expectProblem(await browser.open(back), 400, 'login-not-started');
      }
    });

    it('S45 somebody else’s callback is refused: another state', async () => {
      const attacker = await begin();
      const back = await provider.pass(attacker.browser, attacker.authorization, 'mallory');
      const { browser } = await begin();
      await expectProblem(await browser.open(back), 400, 'login-invalid');
    });

    it.each(['state', 'nonce', 'code_challenge'])('a changed %s is refused', async (name) => {
      const { browser, authorization } = await begin();
      const value = authorization.searchParams.get(name) ?? '';
      authorization.searchParams.set(name, (value.startsWith('A') ? 'B' : 'A') + value.slice(1));
      const back = await provider.pass(browser, authorization, 'ada');
      await expectProblem(await browser.open(back), 400, 'login-invalid');
    });

    it('a made-up code, a code used before, a missing one and one given twice are refused', async () => {
      const changes: ((query: URLSearchParams) => void)[] = [
        (query) => query.set('code', 'made-up'),
        (query) => query.delete('code'),
        (query) => query.append('code', 'again'),
        (query) => query.delete('state'),
        (query) => query.set('iss', 'https://evil.example'),
      ];
      for (const change of changes) {
        const { browser, authorization } = await begin();
        const back = await provider.pass(browser, authorization, 'ada');
        change(back.searchParams);
        await expectProblem(await browser.open(back), 400, 'login-invalid');
      }
      const { browser, authorization } = await begin();
      const back = await provider.pass(browser, authorization, 'ada');
      const cookie = browser.cookie(LOGIN_COOKIE) ?? '';
      expect((await browser.open(back)).status).toBe(302);
      await expectProblem(await browser.open(back), 400, 'login-not-started');
      const again = await begin(browser);
      again.browser.setCookie(LOGIN_COOKIE, cookie);
      await expectProblem(await browser.open(back), 400, 'login-invalid');
    });

    it('turning back at the provider is a 401', async () => {
      const { browser, authorization } = await begin();
      const back = await provider.pass(browser, authorization, null);
      const answer = await browser.open(back);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="identity"');
      await expectProblem(answer, 401, 'login-denied');
    });
  });

  it.each([
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    'https://evil.example/',
    'javascript:alert(1)',
    'evil.example',
    '/%09/evil.example'.replace('%09', '\t'),
    '/\n/evil.example',
    ' /tokens',
    '/a b',
    '/\u0000',
    '/ä',
    '',
    `/${'x'.repeat(2048)}`,
  ])('S45 goes nowhere but to a path of its own origin: not to %j', async (next) => {
    await expectProblem(
      await new Browser().open(url(`/login/oidc?next=${encodeURIComponent(next)}`)),
      400,
      'invalid-request',
    );
  });

  it('S45 takes one next, and none for /', async () => {
    await expectProblem(
      await new Browser().open(url('/login/oidc?next=/a&next=//evil.example')),
      400,
      'invalid-request',
    );
    expect((await provider.logIn('ada')).answer.headers.get('location')).toBe('/');
    const { answer } = await provider.logIn('ada', '/login/oidc?next=%2Ftokens%3Fa%3D%252F%23top');
    expect(answer.headers.get('location')).toBe('/tokens?a=%2F#top');
  });

  it('tells anybody how one can log in', async () => {
    const { body } = await identity.http.get('/login/methods').expect(200);
    expect(body).toEqual({ password: true, oidc: { url: url('/login/oidc').href } });
  });

  it('answers 503 while the token service is away', async () => {
    identity.tokens.answers = false;
    const { answer } = await provider.logIn('ada');
    identity.tokens.answers = true;
    await expectProblem(answer, 503, 'service-unavailable');
    expect((await provider.logIn('ada')).answer.status).toBe(302);
  });
});

describe('without external login', () => {
  it('its routes are a 404, and only the password is offered', async () => {
    const identity = await IdentityUnderTest.start();
    try {
      expect((await identity.http.get('/login/methods').expect(200)).body).toEqual({ password: true, oidc: null });
      await identity.http.get('/login/oidc').expect(404, /external-login-off/);
      await identity.http.get('/login/oidc/callback?code=x&state=y').expect(404, /external-login-off/);
      const admin = await identity.as('admin', ADMIN_PASSWORD);
      const { id } = await identity.register('ada');
      await admin.put(`/users/${id}/external-identity`, { subject: 'x' }).expect(404, /external-login-off/);
    } finally {
      await identity.stop();
    }
  });
});

describe('while the provider is away', () => {
  it('identity starts, passwords go on, and the provider is found when it is there', async () => {
    const [port, providerPort] = [await choosePort(), await choosePort()];
    const env = {
      OIDC_ISSUER: `http://127.0.0.1:${providerPort}`,
      OIDC_CLIENT_ID: 'tokenlog',
      OIDC_CLIENT_SECRET: 'secret',
      OIDC_REDIRECT_URL: `http://127.0.0.1:${port}/login/oidc/callback`,
    };
    const identity = await IdentityUnderTest.start(env);
    try {
      await identity.login('admin', ADMIN_PASSWORD).expect(200);
      const answer = await identity.http.get('/login/oidc').expect(503, /provider-unavailable/);
      expect(answer.get('Set-Cookie')).toBeUndefined();
      const provider = await OpenIdProvider.start(env.OIDC_REDIRECT_URL, providerPort);
      await identity.http.get('/login/oidc').expect(302);
      await provider.stop();
    } finally {
      await identity.stop();
    }
  });

  it('a client secret that it does not accept is a 502, and no session', async () => {
    const port = await choosePort();
    const provider = await OpenIdProvider.start(`http://127.0.0.1:${port}/login/oidc/callback`);
    const env = { ...provider.env, OIDC_CLIENT_SECRET: 'wrong', IDENTITY_PORT: String(port) };
    const identity = await IdentityUnderTest.start(env);
    try {
      const { answer, browser } = await provider.logIn('ada');
      expect({ status: answer.status, body: await answer.json() }).toMatchObject({
        status: 502,
        body: { code: 'provider-failed' },
      });
      expect(browser.cookie('session')).toBeUndefined();
    } finally {
      await identity.stop();
      await provider.stop();
    }
  });
});
