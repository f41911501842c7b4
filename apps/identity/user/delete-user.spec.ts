import { ADMIN_PASSWORD, IdentityUnderTest, PASSWORD } from '../testing/identity-under-test.js';

describe('deleting a user', () => {
  let identity: IdentityUnderTest;
  let admin: Awaited<ReturnType<IdentityUnderTest['as']>>;

  beforeAll(async () => {
    identity = await IdentityUnderTest.start();
    admin = await identity.as('admin', ADMIN_PASSWORD);
  });
  afterAll(() => identity?.stop());

  it('S30 erases contact data and password; id and account name stay in the log', async () => {
    const personal = {
      displayName: 'Ada Lovelace',
      email: 'ada@example.org',
      phone: '+44 20 7946 0001',
      organization: 'Engines',
    };
    const { id } = await identity.register('ada', personal);
    await identity.as('ada', PASSWORD);
    await admin.delete(`/users/${id}`).expect(204);
    expect(identity.tokens.events.at(-1)).toMatchObject({ type: 'user-deleted', userId: id, username: 'ada' });

    expect((await identity.sql.query('SELECT * FROM identity.users WHERE id = $1', [id])).rows).toEqual([]);
    const left = JSON.stringify([await identity.log(), identity.tokens.events]);
    for (const value of Object.values(personal)) expect(left).not.toContain(value);
    expect(left).not.toContain('argon2');
    await identity.login('ada', PASSWORD).expect(401);
    await admin.delete(`/users/${id}`).expect(404, /user-not-found/);
  });

  it('S43 lists what it would touch without touching it, on request', async () => {
    const { id } = await identity.register('bob');
    const { body } = await admin.delete(`/users/${id}?dryRun=true`).expect(200);
    expect(body).toMatchObject({ tokens: [{ id: expect.any(String), description: 'nightly export' }], sessions: 1 });
    await admin.get(`/users/${id}`).expect(200);
  });

  it('answers 202 when the token service has not applied it within 2 s', async () => {
    const { id } = await identity.register('carol');
    identity.tokens.appliesEvents = false;
    await admin.delete(`/users/${id}`).expect(202);
    identity.tokens.appliesEvents = true;
    await admin.get(`/users/${id}`).expect(404);
  });

  it('does not delete the last admin', async () => {
    const { id } = (await admin.get('/users?q=admin').expect(200)).body.items[0];
    await admin.delete(`/users/${id}`).expect(409, /last-admin/);
  });

  it('is for admins alone', async () => {
    const { id } = await identity.register('dave');
    await identity.register('help', { roles: ['helpdesk'] });
    const help = await identity.as('help', PASSWORD);
    await help.delete(`/users/${id}`).expect(403);
    const token = identity.with(identity.tokens.issueToken(id, ['tokens', 'admin']));
    await token.delete(`/users/${id}`).expect(403);
  });
});
