import { v7 } from 'uuid';
import { ADMIN_PASSWORD, IdentityUnderTest, PASSWORD } from '../testing/identity-under-test.js';

describe('changing a user', () => {
  let identity: IdentityUnderTest;
  let admin: Awaited<ReturnType<IdentityUnderTest['as']>>;

  beforeAll(async () => {
    identity = await IdentityUnderTest.start();
    admin = await identity.as('admin', ADMIN_PASSWORD);
  });
  afterAll(() => identity?.stop());

  const eventsOf = async (id: string) => (await identity.log()).filter(({ entity }) => entity === id);

  it('publishes what others may know, and keeps contact data to itself', async () => {
    const { id } = await identity.register('ada', { displayName: 'Ada' });
    const contact = {
      displayName: 'Countess Lovelace',
      email: 'ada@example.org',
      phone: null,
      organization: 'Engines',
    };
    expect((await admin.patch(`/users/${id}`, contact).expect(200)).body).toMatchObject(contact);
    expect(await eventsOf(id)).toHaveLength(1);
    await admin.patch(`/users/${id}`, { roles: ['operator'], disabled: true }).expect(200);
    expect((await eventsOf(id)).slice(1)).toMatchObject([
      { type: 'user-changed', version: 2, data: { user: { roles: ['operator'], disabled: true, username: 'ada' } } },
    ]);
  });

  it('takes a user as it was read, with more roles than one may give too, and names what cannot be changed', async () => {
    const { id } = await identity.register('sent-back', { displayName: 'Ada', roles: ['operator'] });
    const many = Array.from({ length: 300 }, (_, n) => `group-${n}`);
    await identity.sql.query('UPDATE identity.users SET roles = $2 WHERE id = $1', [id, many]);
    const { body: read } = await admin.get(`/users/${id}`).expect(200);
    expect(read.roles).toEqual(many);
    expect((await admin.patch(`/users/${id}`, read).expect(200)).body).toEqual(read);
    expect((await admin.patch(`/users/${id}`, { ...read, lastLoginAt: null, phone: '1' }).expect(200)).body.phone).toBe(
      '1',
    );
    for (const [field, value] of Object.entries({
      username: 'other',
      id: v7(),
      kind: 'application',
      hasPassword: false,
    })) {
      const { body } = await admin.patch(`/users/${id}`, { ...read, phone: '2', [field]: value }).expect(400);
      expect(body).toMatchObject({ code: 'invalid-request', errors: [{ field, detail: 'cannot be changed here' }] });
    }
    await admin.patch(`/users/${id}`, { roles: [...many, 'one-more'] }).expect(400, /roles/);
    expect((await admin.get(`/users/${id}`).expect(200)).body).toEqual({ ...read, phone: '1' });
  });

  it('appends nothing when nothing changes', async () => {
    const { id } = await identity.register('bob', { roles: ['operator'] });
    await admin.patch(`/users/${id}`, { roles: ['operator'], disabled: false }).expect(200);
    expect(await eventsOf(id)).toHaveLength(1);
  });

  it('has applied a lost role when it has answered (S14)', async () => {
    const { id } = await identity.register('carol', { roles: ['helpdesk'] });
    const carol = await identity.as('carol', PASSWORD);
    await carol.get('/users').expect(200);
    await admin.patch(`/users/${id}`, { roles: [] }).expect(200);
    await carol.get('/users').expect(403);
  });

  it.each([
    ['disabled', { disabled: true }],
    ['demoted', { roles: [] }],
  ])('leaves at least one admin: the last one is not %s', async (_, changes) => {
    const { items } = (await admin.get('/users?q=admin').expect(200)).body;
    await admin.patch(`/users/${items[0].id}`, changes).expect(409, /last-admin/);
  });

  it('leaves at least one admin when two demote each other at the same time', async () => {
    const [first, second] = [await identity.register('admin-1'), await identity.register('admin-2')];
    const ids = [first.id, second.id];
    for (const id of ids) await admin.patch(`/users/${id}`, { roles: ['admin'] }).expect(200);
    const sessions = await Promise.all(['admin-1', 'admin-2'].map((username) => identity.as(username, PASSWORD)));
    const { items } = (await admin.get('/users?q=admin').expect(200)).body;
    const original = items.find(({ username }: { username: string }) => username === 'admin');
    await sessions[0]!.patch(`/users/${original.id}`, { roles: [] }).expect(200);
    const answers = await Promise.all([
      sessions[0]!.patch(`/users/${ids[1]}`, { roles: [] }),
      sessions[1]!.patch(`/users/${ids[0]}`, { roles: [] }),
    ]);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const { rows } = await identity.sql.query(`SELECT username FROM identity.users WHERE 'admin' = ANY(roles)`);
    expect(rows).toHaveLength(1);
    await identity.sql.query(`UPDATE identity.users SET roles = '{admin}' WHERE username = 'admin'`);
  });

  it('changes neither the account name nor the kind', async () => {
    const { id } = await identity.register('dave');
    await admin.patch(`/users/${id}`, { username: 'david' }).expect(400);
    await admin.patch(`/users/${id}`, { kind: 'application' }).expect(400);
  });

  it('answers 404 for nobody, and 400 for what is no id', async () => {
    const someone = await identity.register('somebody', { roles: ['admin'] });
    const session = await identity.as(someone.username, PASSWORD);
    await session.patch(`/users/${v7()}`, { disabled: true }).expect(404, /user-not-found/);
    await session.patch('/users/1', { disabled: true }).expect(400);
  });
});
