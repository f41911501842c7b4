import { ADMIN_PASSWORD, IdentityUnderTest, PASSWORD } from '../testing/identity-under-test.js';
import { refuseTokenSession } from './change-password.js';

const NEXT = 'a new password';

describe('S27 a token is not enough to change the password', () => {
  const session = (startedWith: 'password' | 'token') => ({
    session: { id: 's', expiresAt: '', startedWith, mustChangePassword: false },
    user: { id: 'u', username: 'ada', roles: ['operator'] },
  });
  const admin = { id: 'u', username: 'root', roles: ['admin'] };
  const refusal = expect.objectContaining({ code: 'token-session' });

  it('nor is a session that was started with one', () => {
    expect(() => refuseTokenSession({ user: session('token').user })).toThrow(refusal);
    expect(() => refuseTokenSession(session('token'))).toThrow(refusal);
  });

  it('but one that was started with the password is, and anything of an admin', () => {
    expect(() => refuseTokenSession(session('password'))).not.toThrow();
    expect(() => refuseTokenSession({ ...session('token'), user: admin })).not.toThrow();
    expect(() => refuseTokenSession({ user: admin })).not.toThrow();
  });
});

describe('changing my password', () => {
  let identity: IdentityUnderTest;

  beforeAll(async () => {
    identity = await IdentityUnderTest.start();
  });
  afterAll(() => identity?.stop());

  const change = { currentPassword: PASSWORD, newPassword: NEXT };

  it('S13 takes the current one, and answers 204 once the token service has applied it', async () => {
    const { id } = await identity.register('ada');
    const ada = await identity.as('ada', PASSWORD);
    await ada.put('/me/password', { ...change, tokens: 'keep' }).expect(204);
    const event = identity.tokens.events.at(-1);
    expect(event).toMatchObject({ type: 'password-changed', userId: id, tokens: 'keep', by: { username: 'ada' } });
    expect(event).toHaveProperty('exceptSessionId', expect.stringMatching(/^[0-9a-f-]{36}$/));
    await identity.login('ada', PASSWORD).expect(401);
    await identity.login('ada', NEXT).expect(200);
  });

  it('leaves what becomes of the tokens to the policy when nothing is said (S43)', async () => {
    await identity.register('bob');
    await (await identity.as('bob', PASSWORD)).put('/me/password', change).expect(204);
    expect(identity.tokens.events.at(-1)).toMatchObject({ type: 'password-changed', tokens: null });
  });

  it('answers 202 when the token service has not applied it within 2 s: the password is changed all the same', async () => {
    await identity.register('carol');
    const carol = await identity.as('carol', PASSWORD);
    identity.tokens.appliesEvents = false;
    await carol.put('/me/password', change).expect(202);
    identity.tokens.appliesEvents = true;
    await identity.login('carol', NEXT).expect(200);
  });

  it('refuses a wrong current one and counts it', async () => {
    await identity.register('dave');
    const dave = await identity.as('dave', PASSWORD);
    for (let index = 0; index < 10; index++) {
      await dave.put('/me/password', { ...change, currentPassword: 'a wrong one' }).expect(403, /wrong-password/);
    }
    await dave.put('/me/password', change).expect(429, /too-many-attempts/);
  });

  it('refuses the same again, and one that is too short', async () => {
    await identity.register('erin');
    const erin = await identity.as('erin', PASSWORD);
    await erin.put('/me/password', { ...change, newPassword: PASSWORD }).expect(400, /password-unchanged/);
    await erin.put('/me/password', { ...change, newPassword: 'seven77' }).expect(400, /newPassword/);
  });

  it('S27 is refused to a token, and to a session that was started with one', async () => {
    const { id } = await identity.register('frank');
    const text = identity.tokens.issueToken(id, ['tokens']);
    await identity
      .with(text)
      .put('/me/password', change)
      .expect(403, /token-session/);
    const session = await identity.as('frank', text);
    await session.put('/me/password', change).expect(403, /token-session/);
    await identity.login('frank', PASSWORD).expect(200);
  });

  it('S11 tells a user without a local password who can set one', async () => {
    const { id } = await identity.register('grace', { password: null, roles: ['admin'] });
    const grace = identity.with(identity.tokens.issueToken(id, ['tokens']));
    const { body } = await grace.put('/me/password', change).expect(409);
    expect(body).toMatchObject({ code: 'no-local-password', detail: expect.stringContaining('help desk') });
  });

  it('lets one of two changes at the same time through', async () => {
    await identity.register('heidi');
    const heidi = await identity.as('heidi', PASSWORD);
    const answers = await Promise.all(
      ['first new one', 'second new one'].map((newPassword) => heidi.put('/me/password', { ...change, newPassword })),
    );
    const done = answers.filter(({ status }) => status === 204);
    expect(done).toHaveLength(1);
  });

  it('lists beforehand what it would touch', async () => {
    await identity.register('ivan');
    const { body } = await (await identity.as('ivan', PASSWORD)).get('/me/password/impact').expect(200);
    expect(body).toMatchObject({ policy: 'revoke', tokens: [expect.anything()], sessions: 1 });
  });

  it('S27 an admin may change it in a session started with a token, giving the current one', async () => {
    const { id } = await identity.register('root-2', { roles: ['admin'] });
    const token = identity.with(identity.tokens.issueToken(id, ['tokens']));
    await token
      .put('/me/password', { currentPassword: ADMIN_PASSWORD, newPassword: NEXT })
      .expect(403, /wrong-password/);
    await token.put('/me/password', change).expect(204);
  });
});
