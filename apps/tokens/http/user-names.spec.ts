import { call, sessionOf } from '../testing/http.js';
import { startTokenService, type TestTokenService, type TestUser } from '../testing/token-service.js';
import { findToken } from '../token/token-view.js';
import { CreateToken } from '../verbs/create-token.js';

const UUID_NAME = '5f0c4f0e-6d55-4c0b-8a76-0a5b2f6d7e11';

// In Turkish the small letter of I is another one than i.
describe.each([undefined, 'tr-TR'])('account names, in a database of the locale %s', (locale) => {
  let service: TestTokenService;
  let admin: string;
  let chief: TestUser;
  let ada: TestUser;
  let cloud: TestUser;
  const tokens = new Map<string, string>();
  const secrets = new Map<string, string>();

  beforeAll(async () => {
    service = await startTokenService({}, undefined, locale);
    chief = await service.register('Chief', { roles: ['admin'] });
    ada = await service.register('AdaIsHere');
    cloud = await service.register(UUID_NAME.toUpperCase());
    admin = await sessionOf(service, chief);
    for (const [user, description] of [
      [ada, 'Ökostrom INSTANCE'],
      [cloud, 'ﬁne straße'],
      [chief, 'zebra'],
      [chief, 'Alpha'],
      [chief, 'beta'],
    ] as const) {
      const token = { userId: user.id, description, scopes: ['rest', 'tokens'] };
      const { tokenId, secret } = await service.commands.execute(new CreateToken(service.caller(user), token, 'right'));
      tokens.set(description, tokenId);
      secrets.set(description, secret);
    }
    for (const user of [ada, cloud]) await sessionOf(service, user);
  });
  afterAll(() => service.stop());

  const get = (path: string) => call(service, 'GET', path, { as: admin });
  const found = async (query: string): Promise<string[]> => {
    const { status, body } = await get(`/admin/tokens?${query}`);
    expect(status).toBe(200);
    expect(body.total).toBe(body.items.length);
    return body.items.map(({ description }: { description: string }) => description);
  };
  const q = (text: string) => `q=${encodeURIComponent(text)}`;

  it.each(['AdaIsHere', 'adaishere', 'ADAISHERE', 'name:adaishere'])(
    '%s finds the user in every filter',
    async (name) => {
      expect(await found(`user=${name}`)).toEqual(['Ökostrom INSTANCE']);
      const sessions = (await get(`/sessions?user=${name}`)).body;
      expect([sessions.total, sessions.items[0].user]).toEqual([1, 'AdaIsHere']);
      for (const part of ['user', 'actor']) {
        const { items } = (await get(`/admin/audit?type=token-created&${part}=${name}`)).body;
        expect(items.map(({ tokenId }: { tokenId: string }) => tokenId)).toEqual([tokens.get('Ökostrom INSTANCE')]);
      }
    },
  );

  it.each(['ökostrom', 'O\u0308KOSTROM', 'instance', 'adaishere'])(
    'a search for %s finds what is written otherwise',
    async (text) => {
      expect(await found(q(text))).toEqual(['Ökostrom INSTANCE']);
    },
  );

  it.each(['STRASSE', 'FINE', UUID_NAME])('a search for %s finds what folds to it', async (text) => {
    expect(await found(q(text))).toEqual(['ﬁne straße']);
  });

  it('the table is sorted as names are compared', async () => {
    const sorted = ['Alpha', 'beta', 'ﬁne straße', 'zebra', 'Ökostrom INSTANCE'];
    expect(await found('sort=description')).toEqual(sorted);
    expect(await found('sort=-description')).toEqual(sorted.toReversed());
    expect((await found('sort=user')).slice(0, 2)).toEqual(['ﬁne straße', 'Ökostrom INSTANCE']);
  });

  it.each([UUID_NAME, UUID_NAME.toUpperCase()])('a name in the form of an id is a name: %s', async (name) => {
    expect(await found(`user=${name}`)).toEqual(['ﬁne straße']);
    expect((await get(`/sessions?user=${name}`)).body.total).toBe(1);
    expect((await get(`/admin/audit?type=token-created&actor=${name}`)).body.items).toHaveLength(1);
    expect((await get(`/admin/audit?type=token-created&user=${name}`)).body.items).toHaveLength(1);
  });

  it('what is the id of one user and the name of another is ambiguous, and can be told apart', async () => {
    const twin = await service.register(ada.id);
    for (const path of ['/admin/tokens?user=', '/sessions?user=', '/admin/audit?user=', '/admin/audit?actor=']) {
      const field = path.slice(path.indexOf('?') + 1, -1);
      const { status, body } = await get(`${path}${ada.id}`);
      expect({ status, code: body.code, field: body.errors[0].field }).toEqual({
        status: 400,
        code: 'ambiguous-user',
        field,
      });
    }
    expect(await found(`user=id:${ada.id}`)).toEqual(['Ökostrom INSTANCE']);
    expect(await found(`user=name:${ada.id}`)).toEqual([]);
    await service.delete(twin);
  });

  it('a cursor of a version that kept names and descriptions whole still opens', async () => {
    for (const [sort, value, rest] of [
      ['description', 'ALPHA', ['beta', 'ﬁne straße', 'zebra', 'Ökostrom INSTANCE']],
      ['description', `Beta${'\u0001'.repeat(251)}`, ['ﬁne straße', 'zebra', 'Ökostrom INSTANCE']],
      ['user', 'AdaIsHere', ['Alpha', 'beta', 'zebra']],
    ] as const) {
      const place = [sort, value, 'ffffffff-ffff-ffff-ffff-ffffffffffff'];
      const cursor = Buffer.from(JSON.stringify(place)).toString('base64url');
      const { status, body } = await get(`/admin/tokens?sort=${sort}&cursor=${cursor}`);
      expect(status).toBe(200);
      expect(new Set(body.items.map(({ description }: { description: string }) => description))).toEqual(new Set(rest));
    }
  });

  it('of two who had a name one after the other both are found', async () => {
    const first = await service.register('Phoenix');
    const token = { userId: first.id, description: 'of the first', scopes: [] };
    await service.commands.execute(new CreateToken(service.caller(first), token, 'right'));
    await service.delete(first);
    const second = await service.register('phoenix');
    await service.commands.execute(
      new CreateToken(service.caller(second), { ...token, userId: second.id, description: 'of the second' }, 'right'),
    );
    expect(await found('user=PHOENIX&sort=description')).toEqual(['of the first', 'of the second']);
  });

  it('a token is accepted beside its owner’s name as names are compared, and beside no other', async () => {
    const credential = secrets.get('Ökostrom INSTANCE');
    for (const username of ['adaishere', 'ADAISHERE', 'Ada\u0131shere']) {
      expect(await service.verify({ credential, username })).toMatchObject({ active: !username.includes('ı') });
    }
    expect((await findToken(service.store.pool, tokens.get('Ökostrom INSTANCE') ?? '', ada.id)).useCount).toBe(2);
  });
});
