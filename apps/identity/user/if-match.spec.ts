import { ADMIN_PASSWORD, IdentityUnderTest, PASSWORD } from '../testing/identity-under-test.js';

describe('If-Match and ETag of users', () => {
  let identity: IdentityUnderTest;
  let admin: Awaited<ReturnType<IdentityUnderTest['as']>>;
  let names = 0;

  beforeAll(async () => {
    identity = await IdentityUnderTest.start();
    admin = await identity.as('admin', ADMIN_PASSWORD);
  });
  afterAll(() => identity?.stop());

  const registered = () => identity.register(`user-${names++}`, { displayName: 'Ada', roles: ['operator'] });
  const tagOf = async (id: string) => (await admin.get(`/users/${id}`).expect(200)).headers.etag as string;

  it('is a strong tag, in the answer of a registration, a reading and a change, and moved by each kind of change', async () => {
    const answer = await admin.post('/users', { username: `user-${names++}`, password: PASSWORD }).expect(201);
    const { id } = answer.body;
    const tags = [answer.headers.etag as string];
    expect(tags[0]).toMatch(/^"[\w-]{22}"$/);
    expect(await tagOf(id)).toBe(tags[0]);
    for (const change of [{ displayName: 'A' }, { email: 'a@b.example' }, { roles: ['x'] }, { disabled: true }]) {
      const changed = await admin.patch(`/users/${id}`, change).expect(200);
      tags.push(changed.headers.etag as string);
      expect(await tagOf(id)).toBe(tags.at(-1));
    }
    await admin
      .put(`/users/${id}/password`, { actorPassword: ADMIN_PASSWORD, newPassword: 'another password' })
      .expect(204);
    tags.push(await tagOf(id));
    expect(new Set(tags).size).toBe(tags.length);
  });

  it('is not moved by a login', async () => {
    const { id, username } = await registered();
    const tag = await tagOf(id);
    await identity.as(username, PASSWORD);
    expect(await tagOf(id)).toBe(tag);
    const read = await admin.get(`/users/${id}`).set('If-None-Match', tag).expect(200);
    expect(read.body.lastLoginAt).not.toBeNull();
  });

  it.each<[string, (id: string) => ReturnType<typeof admin.patch>]>([
    ['an edit of contact data', (id) => admin.patch(`/users/${id}`, { email: 'x@y.example' })],
    ['an edit of roles', (id) => admin.patch(`/users/${id}`, { roles: [] })],
    ['an edit that changes nothing', (id) => admin.patch(`/users/${id}`, {})],
    [
      'a new password',
      (id) => admin.put(`/users/${id}/password`, { actorPassword: ADMIN_PASSWORD, newPassword: 'another password' }),
    ],
    ['a deletion', (id) => admin.delete(`/users/${id}`)],
  ])('%s does nothing at a tag of before, and all at the present one', async (_, change) => {
    const { id } = await registered();
    const stale = await tagOf(id);
    const present = (await admin.patch(`/users/${id}`, { displayName: 'of another' }).expect(200)).headers
      .etag as string;
    const refused = await change(id).set('If-Match', stale).expect(412);
    expect(refused.body).toMatchObject({ status: 412, code: 'precondition-failed' });
    expect(refused.headers.etag).toBe(present);
    expect(await tagOf(id)).toBe(present);
    const done = await change(id).set('If-Match', `"no", ${present}`);
    expect([200, 204]).toContain(done.status);
  });

  it('holds for what users change of themselves, their password too', async () => {
    const { username } = await registered();
    const me = await identity.as(username, PASSWORD);
    const stale = (await me.get('/me').expect(200)).headers.etag as string;
    const present = (await me.patch('/me', { phone: '1' }).expect(200)).headers.etag as string;
    expect(present).not.toBe(stale);
    await me.patch('/me', { phone: '2' }).set('If-Match', stale).expect(412);
    const passwords = { currentPassword: PASSWORD, newPassword: 'another password' };
    await me.put('/me/password', passwords).set('If-Match', stale).expect(412);
    expect((await me.get('/me').expect(200)).body.contact.phone).toBe('1');
    await me.put('/me/password', passwords).set('If-Match', present).expect(204);
  });

  it.each(['1', '"open', '', "'a'", 'w/"a"'])('If-Match that is %j is a 400 that names the header', async (header) => {
    const { id } = await registered();
    const { body } = await admin.patch(`/users/${id}`, { phone: '1' }).set('If-Match', header).expect(400);
    expect(body).toMatchObject({ code: 'invalid-request', errors: [{ field: 'If-Match' }] });
  });

  it('of many who change at once what they read at once exactly one does', async () => {
    for (let round = 0; round < 5; round++) {
      const { id } = await registered();
      const tag = await tagOf(id);
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, n) =>
          admin.patch(`/users/${id}`, { displayName: `by ${n}` }).set('If-Match', tag),
        ),
      );
      const statuses = answers.map(({ status }) => status);
      expect(statuses.filter((status) => status === 200)).toHaveLength(1);
      expect(statuses.filter((status) => status === 412)).toHaveLength(11);
      const { body } = await admin.get(`/users/${id}`).expect(200);
      expect(body.displayName).toBe(`by ${statuses.indexOf(200)}`);
    }
  });
});
