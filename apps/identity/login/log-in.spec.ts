import { parseCredential } from '@tokenlog/contracts/credential.js';
import { ADMIN_PASSWORD, IdentityUnderTest, PASSWORD } from '../testing/identity-under-test.js';

describe('logging in', () => {
  let identity: IdentityUnderTest;

  beforeAll(async () => {
    identity = await IdentityUnderTest.start();
  });
  afterAll(() => identity?.stop());

  it('starts a session with a password, as credential and as a cookie that scripts and other sites cannot use', async () => {
    const ada = await identity.register('ada');
    const answer = await identity.login('Ada', PASSWORD).expect(200);
    expect(parseCredential(answer.body.session.credential)?.prefix).toBe('tks');
    expect(answer.body.user).toMatchObject({ id: ada.id, username: 'ada', lastLoginAt: expect.any(String) });
    const [cookie] = answer.get('Set-Cookie') ?? [];
    expect(cookie).toMatch(/^session=tks_\w+; Path=\/; Expires=.*; HttpOnly; SameSite=Strict$/);
    expect(answer.get('Cache-Control')).toBe('no-store');
    const secure = await identity.login('ada', PASSWORD).set('X-Forwarded-Proto', 'https').expect(200);
    expect(secure.get('Set-Cookie')?.[0]).toContain('; Secure');

    const events = (await identity.log()).filter(({ entity }) => entity === ada.id);
    expect(events.slice(0, 2)).toMatchObject([
      { type: 'user-registered', version: 1 },
      {
        type: 'user-logged-in',
        version: 2,
        data: { method: 'password', ip: '192.0.2.1', user: { hasLoggedIn: true } },
        metadata: { by: { kind: 'user', id: ada.id, username: 'ada' }, ip: '192.0.2.1' },
      },
    ]);
  });

  it('S4 takes a token in the place of the password, with its owner’s name only', async () => {
    const eve = await identity.register('eve');
    await identity.register('mallory');
    const token = identity.tokens.issueToken(eve.id, ['rest']);
    const answer = await identity.login('eve', token).expect(200);
    expect(answer.body.user.username).toBe('eve');
    await identity.login('mallory', token).expect(401, /wrong-credentials/);
    expect((await identity.log()).filter(({ entity }) => entity === eve.id).map(({ type }) => type)).toEqual([
      'user-registered',
    ]);
  });

  it('does not tell an unknown user from a wrong password in what it says', async () => {
    await identity.register('frank');
    for (const username of ['frank', 'nobody-at-all']) {
      const answer = await identity.login(username, 'not the password').expect(401);
      expect(answer.body).toEqual({
        type: '/docs/errors#wrong-credentials',
        title: 'Wrong user name or password',
        status: 401,
        code: 'wrong-credentials',
        detail: 'The user name or the password is wrong.',
        requestId: expect.any(String),
      });
      expect(answer.get('WWW-Authenticate')).toBe('Bearer realm="identity"');
    }
  });

  it('S32 tells that an account is disabled only to whoever knows its password', async () => {
    const { id } = await identity.register('grace');
    const admin = await identity.as('admin', ADMIN_PASSWORD);
    await admin.patch(`/users/${id}`, { disabled: true }).expect(200);
    await identity.login('grace', 'not the password').expect(401, /wrong-credentials/);
    await identity.login('grace', PASSWORD).expect(403, /user-disabled/);
  });

  it('S42 has no login for an application', async () => {
    await identity.register('robot', { kind: 'application', password: null });
    await identity.login('robot', PASSWORD).expect(401, /wrong-credentials/);
  });

  it.each([
    ['no password', { username: 'ada' }],
    ['an unknown field', { username: 'ada', password: PASSWORD, admin: true }],
    ['a list for a name', { username: ['ada'], password: PASSWORD }],
    ['nothing', undefined],
  ])('refuses a body with %s as a 400, before anything happens', async (_, body) => {
    const before = (await identity.log()).length;
    await identity.http
      .post('/login')
      .send(body)
      .expect(400, /invalid-request/);
    expect(await identity.log()).toHaveLength(before);
  });

  it('S45 refuses a login that another site makes its visitor send', async () => {
    const answer = identity.login('ada', PASSWORD).set('Sec-Fetch-Site', 'cross-site');
    await answer.expect(403, /cross-origin/);
  });

  it('answers 503 while the token service is away', async () => {
    await identity.register('heidi');
    identity.tokens.answers = false;
    const answer = await identity.login('heidi', PASSWORD).expect(503, /service-unavailable/);
    identity.tokens.answers = true;
    expect(answer.get('Retry-After')).toBe('1');
    await identity.login('heidi', PASSWORD).expect(200);
  });

  it('ends a session at logout, and clears its cookie', async () => {
    await identity.register('ivan');
    const session = await identity.as('ivan', PASSWORD);
    const answer = await session.post('/logout').expect(204);
    expect(answer.get('Set-Cookie')?.[0]).toMatch(/^session=; Path=\/; Expires=Thu, 01 Jan 1970/);
    await session.get('/me').expect(401);
  });

  it('has nothing to log out of for a token', async () => {
    const { id } = await identity.register('judy');
    const token = identity.with(identity.tokens.issueToken(id, ['tokens']));
    await token.post('/logout').expect(409, /not-a-session/);
  });
});
