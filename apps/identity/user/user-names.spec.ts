import { setPasswordOf } from '../login/set-password-as-owner.js';
import { ADMIN_PASSWORD, IdentityUnderTest, PASSWORD } from '../testing/identity-under-test.js';

const UUID_NAME = '5f0c4f0e-6d55-4c0b-8a76-0a5b2f6d7e11';

// In Turkish the small letter of I is another one than i.
describe.each([undefined, 'tr-TR'])('account names at identity, in a database of the locale %s', (locale) => {
  let identity: IdentityUnderTest;
  let admin: Awaited<ReturnType<IdentityUnderTest['as']>>;

  beforeAll(async () => {
    identity = await IdentityUnderTest.start({}, locale);
    admin = await identity.as('admin', ADMIN_PASSWORD);
    for (const user of [
      { username: 'Isabel', displayName: 'Ökonomin', email: 'ISABEL@example.org', password: PASSWORD },
      { username: UUID_NAME.toUpperCase(), password: PASSWORD },
      { username: 'Hugo', displayName: 'Straßer' },
    ]) {
      await admin.post('/users', user).expect(201);
    }
  });
  afterAll(() => identity?.stop());

  const names = async (query: string): Promise<string[]> =>
    (await admin.get(`/users?${query}`).expect(200)).body.items.map(({ username }: { username: string }) => username);

  it('a login takes the name in any case', async () => {
    for (const name of ['Isabel', 'isabel', 'ISABEL', UUID_NAME]) await identity.login(name, PASSWORD).expect(200);
    await identity.login('\u0131sabel', PASSWORD).expect(401);
  });

  it('whoever owns the database sets the password of a name in any case', async () => {
    const { username } = await setPasswordOf(identity.databaseUrl, 'ISABEL', { password: PASSWORD });
    expect(username).toBe('Isabel');
    await expect(setPasswordOf(identity.databaseUrl, '\u0131sabel')).rejects.toThrow('There is no user');
  });

  it('two names that are compared as one are not given twice', async () => {
    await admin.post('/users', { username: 'iSABEL' }).expect(409, /username-taken/);
  });

  it('a search finds what is written otherwise', async () => {
    for (const text of ['ISABEL', 'isabel', 'ökonom', 'O\u0308KONOM', 'isabel@EXAMPLE']) {
      expect(await names(`q=${encodeURIComponent(text)}`)).toEqual(['Isabel']);
    }
    expect(await names('q=STRASSER')).toEqual(['Hugo']);
  });

  it('the list is in the order of names as they are compared, page by page', async () => {
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await admin.get(`/users?limit=1${cursor}`).expect(200);
      seen.push(...body.items.map(({ username }: { username: string }) => username));
      cursor = body.nextCursor && `&cursor=${body.nextCursor}`;
    } while (cursor);
    expect(seen).toEqual([UUID_NAME.toUpperCase(), 'admin', 'Hugo', 'Isabel']);
  });

  it('a user is found by name or id, and an ambiguity is an error that says what to do', async () => {
    const { id } = (await admin.get('/users?user=ISABEL').expect(200)).body.items[0];
    for (const reference of [id, id.toUpperCase(), 'isabel', `id:${id}`, 'name:isabel']) {
      expect(await names(`user=${reference}`)).toEqual(['Isabel']);
    }
    expect(await names(`user=${UUID_NAME}`)).toEqual([UUID_NAME.toUpperCase()]);
    expect(await names('user=nobody')).toEqual([]);
    await admin.post('/users', { username: id }).expect(201);
    const { body } = await admin.get(`/users?user=${id}`).expect(400);
    expect(body).toMatchObject({ code: 'ambiguous-user', detail: expect.stringContaining('name:…') });
    expect(await names(`user=name:${id}`)).toEqual([id]);
    expect(await names(`user=id:${id}`)).toEqual(['Isabel']);
  });
});
