import { IdentityUnderTest, PASSWORD } from '../testing/identity-under-test.js';

describe('S40 my account', () => {
  let identity: IdentityUnderTest;

  beforeAll(async () => {
    identity = await IdentityUnderTest.start();
  });
  afterAll(() => identity?.stop());

  it('shows who I am and how I can be reached', async () => {
    const { id } = await identity.register('ada', {
      organization: 'Engines',
      roles: ['operator'],
      email: 'ada@example.org',
    });
    const { body } = await (await identity.as('ada', PASSWORD)).get('/me').expect(200);
    expect(body).toEqual({
      user: {
        id,
        kind: 'person',
        username: 'ada',
        organization: 'Engines',
        roles: ['operator'],
        hasPassword: true,
        external: false,
        mustChangePassword: false,
        lastLoginAt: expect.any(String),
      },
      contact: { displayName: null, email: 'ada@example.org', phone: null },
    });
  });

  it('changes contact data and erases with null, and no event tells of it', async () => {
    await identity.register('bob', { email: 'bob@example.org' });
    const bob = await identity.as('bob', PASSWORD);
    const before = (await identity.log()).length;
    const { body } = await bob.patch('/me', { displayName: ' Bob ', email: null }).expect(200);
    expect(body.contact).toEqual({ displayName: 'Bob', email: null, phone: null });
    expect(await identity.log()).toHaveLength(before);
    await identity.as('bob', PASSWORD);
  });

  it.each([
    { roles: ['admin'] },
    { username: 'root' },
    { organization: 'Mine' },
    { disabled: false },
    { email: 'nobody' },
  ])('refuses %o as a 400', async (changes) => {
    await identity.register('eve').catch(() => undefined);
    await (await identity.as('eve', PASSWORD)).patch('/me', changes).expect(400, /invalid-request/);
  });

  it('is for tokens of scope `tokens` too, and for no others', async () => {
    const { id } = await identity.register('frank');
    await identity
      .with(identity.tokens.issueToken(id, ['tokens']))
      .get('/me')
      .expect(200);
    await identity
      .with(identity.tokens.issueToken(id, ['rest']))
      .get('/me')
      .expect(403, /scope/);
    await identity.http.get('/me').expect(401);
  });
});
