import { ADMIN_PASSWORD, IdentityUnderTest, PASSWORD } from '../testing/identity-under-test.js';

describe('registering a user', () => {
  let identity: IdentityUnderTest;
  let admin: Awaited<ReturnType<IdentityUnderTest['as']>>;

  beforeAll(async () => {
    identity = await IdentityUnderTest.start();
    admin = await identity.as('admin', ADMIN_PASSWORD);
  });
  afterAll(() => identity?.stop());

  it('takes account, contact and roles; with a password, it must be changed unless said otherwise', async () => {
    const body = {
      username: 'ada',
      displayName: 'Ada Lovelace',
      email: 'ada@example.org',
      phone: '+44 20 7946 0000',
      organization: 'Analytical Engines',
      roles: ['operator', 'operator'],
      password: PASSWORD,
    };
    const { body: ada } = await admin.post('/users', body).expect(201);
    const { password: _, ...given } = body;
    const view = {
      ...given,
      id: ada.id,
      kind: 'person',
      roles: ['operator'],
      disabled: false,
      external: false,
      hasPassword: true,
      mustChangePassword: true,
      lastLoginAt: null,
    };
    expect(ada).toEqual(view);
    expect((await admin.get(`/users/${ada.id}`).expect(200)).body).toEqual(view);
  });

  it('S42 knows applications, which have no password', async () => {
    await admin.post('/users', { username: 'robot-1', kind: 'application' }).expect(201);
    await admin
      .post('/users', { username: 'robot-2', kind: 'application', password: PASSWORD })
      .expect(409, /application-user/);
  });

  it('refuses an account name that is taken, in any case, and leaves no event of it', async () => {
    await admin.post('/users', { username: 'grace' }).expect(201);
    const before = (await identity.log()).length;
    await admin.post('/users', { username: 'GRACE' }).expect(409, /username-taken/);
    expect(await identity.log()).toHaveLength(before);
  });

  it('answers when the token service knows of the user, or after 2 s', async () => {
    await admin.post('/users', { username: 'heard-of' }).expect(201);
    expect(identity.tokens.events.at(-1)).toMatchObject({ type: 'user-registered', user: { username: 'heard-of' } });
    identity.tokens.appliesEvents = false;
    const start = performance.now();
    await admin.post('/users', { username: 'silence' }).expect(201);
    identity.tokens.appliesEvents = true;
    expect(performance.now() - start).toBeGreaterThan(1950);
  });

  it.each([
    ['username', { username: ' ada' }],
    ['username', { username: '' }],
    ['username', { username: 'a'.repeat(129) }],
    ['username', { username: '<script>' }],
    ['password', { password: 'short' }],
    ['roles', { roles: ['Admin!'] }],
    ['email', { email: 'nobody' }],
    ['passwordHash', { passwordHash: '$argon2id$' }],
  ])('answers 400 for a wrong %s (%o)', async (field, wrong) => {
    const { body } = await admin.post('/users', { username: 'valid', ...wrong }).expect(400);
    expect(body).toMatchObject({ code: 'invalid-request', detail: expect.stringContaining(field) });
  });

  it('is for admins alone', async () => {
    await identity.register('help', { roles: ['helpdesk'] });
    await identity.register('plain');
    for (const username of ['help', 'plain']) {
      const session = await identity.as(username, PASSWORD);
      await session.post('/users', { username: 'friend' }).expect(403);
    }
    await identity.http.post('/users').send({ username: 'friend' }).expect(401);
  });
});
