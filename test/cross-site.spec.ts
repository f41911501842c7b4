import { ADMIN_PASSWORD, expectProblem, expectStatus, PASSWORD, WholeSystem } from './support/whole-system.js';

const SCRIPT = '<script>alert(document.cookie)</script>';
const FORMULA = '=HYPERLINK("https://evil.example","click")';

describe('S45 what another site can do with somebody’s browser, on a whole system', () => {
  let whole: WholeSystem;
  let cookie: string;
  let origin: { identity: string; tokens: string };

  beforeAll(async () => {
    whole = await WholeSystem.start('cross-site');
    origin = { identity: whole.system.identity.url, tokens: whole.system.tokens.url };
    await whole.register('ada');
    const login = await whole.identity('POST', '/login', { json: { username: 'ada', password: PASSWORD } });
    cookie = (login.headers.getSetCookie()[0] ?? '').split(';')[0] ?? '';
    expect(cookie).toMatch(/^session=tks_/);
  });
  afterAll(() => whole?.stop());

  const create = { description: 'export', scopes: ['rest'], password: PASSWORD };
  const tokenCount = async () => (await whole.tokens('GET', '/tokens', { headers: { cookie } })).body.total as number;

  it.each([
    ['a page of another site', { origin: 'https://evil.example' }],
    ['a sandboxed page', { origin: 'null' }],
    ['a page of another port', { origin: 'http://127.0.0.1:1' }],
    ['a browser that says that it is another site', { 'sec-fetch-site': 'cross-site' }],
    ['a sibling’s page', { 'sec-fetch-site': 'same-site' }],
    ['a browser that says nothing', {}],
  ])('a cookie does not speak for %s', async (_, headers: Record<string, string>) => {
    const before = await tokenCount();
    const given = { ...headers, cookie };
    expectProblem(await whole.tokens('POST', '/tokens', { headers: given, json: create }), 403, 'cross-origin');
    expectProblem(await whole.tokens('POST', '/tokens', { headers: given, form: { auth: 'x' } }), 403, 'cross-origin');
    expectProblem(await whole.identity('POST', '/logout', { headers: given }), 403, 'cross-origin');
    const json = { displayName: 'changed' };
    expectProblem(await whole.identity('PATCH', '/me', { headers: given, json }), 403, 'cross-origin');
    expect(await tokenCount()).toBe(before);
  });

  it('it does for a page of the same origin, and for reading', async () => {
    const headers = { cookie, origin: origin.tokens };
    const { token } = expectStatus(await whole.tokens('POST', '/tokens', { headers, json: create }), 201).body;
    const modern = { cookie, 'sec-fetch-site': 'same-origin' };
    expectStatus(
      await whole.tokens('DELETE', `/tokens/${token.id}`, { headers: modern, json: { password: PASSWORD } }),
      204,
    );
    expectStatus(await whole.tokens('GET', '/tokens', { headers: { cookie, 'sec-fetch-site': 'cross-site' } }), 200);
  });

  it('no answer invites another origin to read it', async () => {
    for (const [service, path] of [
      [whole.tokens, '/tokens'],
      [whole.identity, '/me'],
    ] as const) {
      const answer = await service('GET', path, { headers: { cookie, origin: 'https://evil.example' } });
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
      const asked = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
      const preflight = await service('OPTIONS', path, { headers: asked });
      expect(preflight.headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  it('nobody is logged in to somebody else’s account by another site', async () => {
    const json = { username: 'ada', password: PASSWORD };
    const headers = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
    const answer = await whole.identity('POST', '/login', { headers, json });
    expectProblem(answer, 403, 'cross-origin');
    expect(answer.headers.getSetCookie()).toEqual([]);
  });

  it.each([
    ['a page of another site over plain http', { origin: 'http://evil.example' }],
    ['a sandboxed page', { origin: 'null' }],
    ['a page of another port', { origin: 'http://127.0.0.1:1' }],
    ['a sibling’s page', { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }],
  ])('no form, script or image of %s sets a cookie or takes one back', async (_, headers: Record<string, string>) => {
    const { id } = await whole.register(`eve-${Math.random().toString(36).slice(2)}`);
    const { token, secret } = await whole.issue(id);
    const login = { username: 'ada', password: PASSWORD };
    const { credential } = await whole.sessionOf(secret);
    const image = { ...headers, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' };
    for (const answer of [
      await whole.identity('POST', '/login', { headers, form: login }),
      await whole.identity('POST', '/login', { headers, json: login }),
      await whole.identity('POST', '/logout', { headers, form: { auth_token: credential } }),
      await whole.identity('POST', '/logout', { headers: { ...headers, cookie: `session=${credential}` } }),
      await whole.tokens('POST', '/sessions', { headers, form: { auth_token: secret } }),
      await whole.tokens('GET', `/enter?access_token=${secret}`, { headers: image }),
      await whole.identity('GET', '/login/oidc', { headers: image }),
    ]) {
      expectProblem(answer, 403, 'cross-origin');
      expect(answer.headers.getSetCookie()).toEqual([]);
    }
    const after = expectStatus(await whole.tokens('GET', `/admin/tokens/${token.id}`, { as: whole.admin }), 200);
    expect(after.body.token).toMatchObject({ useCount: 1, activeSessions: 1 });
  });

  it('a page of the same origin logs in and out by a form, and so does a program that says nothing', async () => {
    const form = { username: 'ada', password: PASSWORD };
    for (const headers of [{ origin: origin.identity }, { 'sec-fetch-site': 'same-origin' }, {}]) {
      const login = expectStatus(await whole.identity('POST', '/login', { headers: headers as never, form }), 200);
      const as = login.body.session.credential;
      expectStatus(await whole.identity('POST', '/logout', { headers: headers as never, as }), 204);
    }
  });

  it('the cookie is out of reach of scripts and of other sites', async () => {
    const { secret } = expectStatus(
      await whole.tokens('POST', '/tokens', { headers: { cookie, origin: origin.tokens }, json: create }),
      201,
    ).body;
    for (const answer of [
      await whole.identity('POST', '/login', { json: { username: 'ada', password: PASSWORD } }),
      await whole.tokens('POST', '/sessions', { as: secret }),
    ]) {
      expect(answer.headers.getSetCookie()).toEqual([
        expect.stringMatching(/^session=tks_\w+; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Strict$/),
      ]);
    }
  });

  it('a name with a script in it is refused where it is an account’s, and comes back as text where it is not', async () => {
    const named = await whole.identity('POST', '/users', { as: whole.admin, json: { username: SCRIPT } });
    expectProblem(named, 400, 'invalid-request');
    const scope = { ...create, scopes: [SCRIPT] };
    const headers = { cookie, origin: origin.tokens };
    expectProblem(await whole.tokens('POST', '/tokens', { headers, json: scope }), 400, 'invalid-request');
    const described = { ...create, description: SCRIPT };
    const { token } = expectStatus(await whole.tokens('POST', '/tokens', { headers, json: described }), 201).body;
    const read = expectStatus(await whole.tokens('GET', `/tokens/${token.id}`, { headers: { cookie } }), 200);
    expect(read.body.token.description).toBe(SCRIPT);
    expect(read.headers.get('content-type')).toMatch(/^application\/json/);
    const wrong = await whole.tokens('GET', `/tokens/${encodeURIComponent(SCRIPT)}`, { headers: { cookie } });
    expect(wrong.status).toBe(400);
    expect(wrong.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  });

  it('a name that a spreadsheet would run is defused in the audit', async () => {
    const json = { ...create, description: FORMULA, password: ADMIN_PASSWORD };
    const { token } = expectStatus(await whole.tokens('POST', '/tokens', { as: whole.admin, json }), 201).body;
    const csv = await whole.tokens('GET', `/admin/audit?format=csv&token=${token.id}`, { as: whole.admin });
    expect(csv.headers.get('content-type')).toMatch(/^text\/csv/);
    expect(csv.headers.get('content-disposition')).toMatch(/^attachment/);
    expect(csv.body).toContain('HYPERLINK');
    expect(csv.body).not.toMatch(/(?:^|,)"?[=+@-]/m);
  });
});
