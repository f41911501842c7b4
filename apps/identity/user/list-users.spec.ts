import { ADMIN_PASSWORD, IdentityUnderTest, PASSWORD } from '../testing/identity-under-test.js';

describe('the list of users', () => {
  let identity: IdentityUnderTest;
  let help: Awaited<ReturnType<IdentityUnderTest['as']>>;

  beforeAll(async () => {
    identity = await IdentityUnderTest.start();
    await identity.register('help', { roles: ['helpdesk'] });
    help = await identity.as('help', PASSWORD);
    const admin = await identity.as('admin', ADMIN_PASSWORD);
    for (const username of ['B', 'a', 'C', 'd', 'e_f', 'exf']) await admin.post('/users', { username }).expect(201);
    await admin.post('/users', { username: 'robot', kind: 'application', displayName: '100% robot' }).expect(201);
  });
  afterAll(() => identity?.stop());

  const names = (body: { items: { username: string }[] }) => body.items.map(({ username }) => username);

  it('is in the order of account names, in any case, page by page', async () => {
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await help.get(`/users?limit=2${cursor}`).expect(200);
      expect(body.total).toBe(9);
      seen.push(...names(body));
      cursor = body.nextCursor && `&cursor=${body.nextCursor}`;
    } while (cursor);
    expect(seen).toEqual(['a', 'admin', 'B', 'C', 'd', 'e_f', 'exf', 'help', 'robot']);
  });

  it('neither skips nor repeats when users come and go between pages', async () => {
    const { body: first } = await help.get('/users?limit=3').expect(200);
    expect(names(first)).toEqual(['a', 'admin', 'B']);
    const admin = await identity.as('admin', ADMIN_PASSWORD);
    await admin.delete(`/users/${first.items[2].id}`).expect(204);
    await admin.post('/users', { username: 'aa' }).expect(201);
    const { body: second } = await help.get(`/users?limit=2&cursor=${first.nextCursor}`).expect(200);
    expect(names(second)).toEqual(['C', 'd']);
  });

  it('finds by part of a name, taking % and _ for themselves', async () => {
    expect(names((await help.get('/users?q=E_F').expect(200)).body)).toEqual(['e_f']);
    expect(names((await help.get(`/users?q=${encodeURIComponent('00% R')}`).expect(200)).body)).toEqual(['robot']);
    const { body } = await help.get('/users?kind=application').expect(200);
    expect(body).toMatchObject({ total: 1, nextCursor: null });
  });

  it('refuses a cursor that it did not give, and a limit beyond 200', async () => {
    await help.get('/users?cursor=%00').expect(400, /invalid-cursor/);
    await help.get('/users?limit=201').expect(400);
    await help.get('/users?limit=0').expect(400);
  });

  it('is not for everybody', async () => {
    await identity.register('plain');
    await (await identity.as('plain', PASSWORD)).get('/users').expect(403);
  });
});
