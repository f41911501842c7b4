import { ADMIN_PASSWORD, IdentityUnderTest, PASSWORD } from '../testing/identity-under-test.js';
import { decideSetPassword } from './set-password.js';

const FIRST = 'a first password';

describe('S12 who may set whose password', () => {
  const user = (roles: string[] = [], kind: 'person' | 'application' = 'person') => ({ id: 'u', kind, roles });
  const helpdesk = { id: 'h', username: 'help', roles: ['helpdesk'] };
  const admin = { id: 'a', username: 'admin', roles: ['admin'] };
  const refusal = (code: string) => expect.objectContaining({ code });

  it('the help desk anybody’s but an admin’s; an admin anybody’s', () => {
    expect(() => decideSetPassword(user(['helpdesk']), helpdesk)).not.toThrow();
    expect(() => decideSetPassword(user(['admin']), helpdesk)).toThrow(refusal('admin-account'));
    expect(() => decideSetPassword(user(['admin']), admin)).not.toThrow();
  });

  it('nobody an application’s (S42), and nobody their own', () => {
    expect(() => decideSetPassword(user([], 'application'), admin)).toThrow(refusal('application-user'));
    expect(() => decideSetPassword({ ...user(), id: 'h' }, helpdesk)).toThrow(refusal('own-account'));
  });
});

describe('setting somebody’s password', () => {
  let identity: IdentityUnderTest;
  let help: Awaited<ReturnType<IdentityUnderTest['as']>>;

  beforeAll(async () => {
    identity = await IdentityUnderTest.start();
    await identity.register('help', { roles: ['helpdesk'] });
    help = await identity.as('help', PASSWORD);
  });
  afterAll(() => identity?.stop());

  const passwords = { actorPassword: PASSWORD, newPassword: FIRST };

  it('S12 works at once, and its user reaches nothing but the change of it', async () => {
    const { id } = await identity.register('ada', { password: null, roles: ['helpdesk'] });
    await identity.login('ada', FIRST).expect(401);
    await help.put(`/users/${id}/password`, passwords).expect(204);
    expect(identity.tokens.events.at(-1)).toMatchObject({
      type: 'password-changed',
      userId: id,
      user: { hasPassword: true, mustChangePassword: true },
      by: { username: 'help' },
      exceptSessionId: null,
    });

    const answer = await identity.login('ada', FIRST).expect(200);
    expect(answer.body.user.mustChangePassword).toBe(true);
    const ada = identity.with(answer.body.session.credential);
    await ada.get('/users').expect(403, /password-change-required/);
    await ada.get('/me').expect(200);
    await ada.get('/me/password/impact').expect(200);
    await ada.put('/me/password', { currentPassword: FIRST, newPassword: PASSWORD }).expect(204);
    await ada.get('/users').expect(200);
    await ada.post('/logout').expect(204);
  });

  it('S12 takes the actor’s own password, and counts a wrong one', async () => {
    const { id } = await identity.register('bob');
    await help
      .put(`/users/${id}/password`, { ...passwords, actorPassword: 'a wrong one' })
      .expect(403, /wrong-password/);
    await identity.login('bob', PASSWORD).expect(200);
    expect(
      await identity.sql.query('SELECT FROM identity.wrong_passwords').then(({ rowCount }) => rowCount),
    ).toBeGreaterThan(0);
    await help.put(`/users/${id}/password`, passwords).expect(204);
  });

  it('S12 is not for an admin’s account, one’s own or an application’s', async () => {
    const admin = await identity.as('admin', ADMIN_PASSWORD);
    const { items } = (await admin.get('/users?q=admin').expect(200)).body;
    await help.put(`/users/${items[0].id}/password`, passwords).expect(403, /admin-account/);
    const own = (await help.get('/me').expect(200)).body.user.id;
    await help.put(`/users/${own}/password`, passwords).expect(409, /own-account/);
    const robot = await identity.register('robot', { kind: 'application', password: null });
    await help.put(`/users/${robot.id}/password`, passwords).expect(409, /application-user/);
  });

  it('is for the help desk and admins alone', async () => {
    const { id } = await identity.register('carol');
    const carol = await identity.as('carol', PASSWORD);
    await carol.put(`/users/${id}/password`, passwords).expect(403);
  });

  it('answers 202 when the token service is silent', async () => {
    const { id } = await identity.register('dave');
    identity.tokens.appliesEvents = false;
    await help.put(`/users/${id}/password`, passwords).expect(202);
    identity.tokens.appliesEvents = true;
  });
});
