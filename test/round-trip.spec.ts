import fc from 'fast-check';
import { expectStatus, WholeSystem } from './support/whole-system.js';

/** More for whoever has the time. */
const RUNS = Number(process.env.ROUND_TRIP_RUNS ?? 4);
/** What a URL may come to by any proxy, with a path and a few filters beside it. */
const LONGEST_CURSOR = 2000;
const SORT_KEYS = [
  ...['user', 'description', 'state', 'expiresAt', 'createdAt', 'createdBy', 'updatedAt', 'updatedBy'],
  ...['lastUsedAt', 'useCount', 'activeSessions'],
];
type Service = 'identity' | 'tokens';
type Body = Record<string, unknown> & { id: string };

const isText = (text: string) => !text.includes('\0') && text.isWellFormed();
const unit = fc.constantFrom('binary', 'grapheme', 'grapheme-composite', 'binary-ascii');
/** Texts that are allowed, and have been too much for somebody somewhere. */
const hostile = (max: number): fc.Arbitrary<string> =>
  fc
    .oneof(
      unit.chain((of) => fc.string({ unit: of as 'binary', minLength: 1, maxLength: max })),
      fc
        .constantFrom('\u0001', '\u{1f3f4}', 'ΐ', '"', '\\', '\uffff', '\u202e', 'ﬃ', 'İ', '%', "'")
        .map((one) => one.repeat(max)),
      fc.constantFrom(
        '__proto__',
        'null',
        'a\r\nb',
        "'; DROP TABLE tokens; --",
        '<script>',
        '$1',
        '=1+1',
        'e\u0301',
        '\ufeffx',
      ),
    )
    .map((text) => text.slice(0, max).toWellFormed().replaceAll('\0', 'o').trim())
    .filter((text) => text !== '' && isText(text));

const name = fc
  .stringMatching(/^[a-z0-9][a-z0-9:._-]{0,63}$/)
  .filter((each) => !['admin', 'introspect'].includes(each));
const names = (max: number) =>
  fc.oneof(
    fc.uniqueArray(name, { maxLength: 3 }),
    fc.constant(Array.from({ length: max }, (_, n) => `${'x'.repeat(60)}-${n}`)),
  );
const username = fc.oneof(
  fc.uuid(),
  fc.uuid().map((id) => id.toUpperCase()),
  fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._@-]{8,127}$/),
  fc.stringMatching(/^[A-Z][a-z]{8,12}$/),
);
const profile = fc.record({
  username,
  displayName: fc.option(hostile(200)),
  phone: fc.option(hostile(200)),
  organization: fc.option(hostile(200)),
  email: fc.option(fc.constantFrom('a@b.example', "o'neil+x@sub.example.org", `${'x'.repeat(60)}@example.org`)),
  roles: names(256),
});
const token = fc.record({
  description: hostile(255),
  scopes: names(64),
  expiresAt: fc.option(
    fc.constantFrom(
      '2099-12-31T23:59:60Z',
      '2098-01-01t00:00:00z',
      '2097-06-01T12:00:00.123456+05:30',
      '2096-02-29 01:02:03-00:00',
    ),
  ),
});

describe('what is handed out is taken', () => {
  let whole: WholeSystem;

  beforeAll(async () => {
    whole = await WholeSystem.start('round-trip', { POLICY_REQUIRE_PASSWORD: 'none' });
  });
  afterAll(() => whole?.stop());

  const get = async (service: Service, path: string, as = whole.admin) =>
    expectStatus(await whole[service]('GET', path, { as }), 200).body;

  /** Every page of a list; each cursor is short enough, and no row comes twice. */
  const walk = async (service: Service, path: string, as = whole.admin, limit = 2): Promise<Body[]> => {
    const seen: Body[] = [];
    let cursor: string | null = null;
    do {
      const more: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const page = await get(service, `${path}${path.includes('?') ? '&' : '?'}limit=${limit}${more}`, as);
      expect(page.items.length).toBeLessThanOrEqual(limit);
      seen.push(...page.items);
      cursor = page.nextCursor;
      expect(cursor?.length ?? 0).toBeLessThanOrEqual(LONGEST_CURSOR);
    } while (cursor !== null);
    const ids = seen.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    return seen;
  };
  const idsOf = (items: readonly Body[]) => items.map(({ id }) => id).sort();
  const otherCase = (text: string) => (text === text.toUpperCase() ? text.toLowerCase() : text.toUpperCase());

  /** As it was read, at once and after it was changed by somebody, it can be sent back and says the same. */
  const sendBack = async (service: Service, path: string, still: (body: Body) => object) => {
    const read = await get(service, path);
    const answer = expectStatus(await whole[service]('PATCH', path, { as: whole.admin, json: read }), 200);
    expect(still(answer.body)).toEqual(still(read));
    expect(still(await get(service, path))).toEqual(still(read));
  };
  const tokenStill = (body: Body) => {
    const { secondsTilExpiry: _, ...rest } = body.token as Body;
    return rest;
  };

  it('created, listed by every sort and cursor, read and sent back, whatever is in it', async () => {
    const run = fc.asyncProperty(
      fc.uniqueArray(profile, { minLength: 2, maxLength: 3, selector: (each) => each.username.toLowerCase() }),
      fc.array(token, { minLength: 4, maxLength: 6 }),
      async (profiles, tokens) => {
        const users: Body[] = [];
        for (const json of profiles) {
          const answer = await whole.identity('POST', '/users', { as: whole.admin, json });
          const { roles, ...rest } = json;
          expect(expectStatus(answer, 201).body).toMatchObject({ ...rest, roles });
          users.push(answer.body);
        }
        const [owner, ...others] = users as [Body, ...Body[]];
        const issued: Body[] = [];
        for (const json of tokens) {
          const created = await whole.tokens('POST', '/admin/tokens', {
            as: whole.admin,
            json: { ...json, userId: owner.id },
          });
          const { token } = expectStatus(created, 201).body;
          expect(token).toMatchObject({ description: json.description, scopes: json.scopes, user: owner.username });
          issued.push(token);
        }

        const listed = await walk('identity', '/users');
        expect(idsOf(listed)).toEqual(expect.arrayContaining(idsOf(users)));
        for (const user of users) {
          expect(listed.find(({ id }) => id === user.id)).toEqual(user);
          for (const reference of [String(user.username), otherCase(String(user.username)), user.id]) {
            expect((await get('identity', `/users?user=${encodeURIComponent(reference)}`)).items).toEqual([user]);
          }
          await sendBack('identity', `/users/${user.id}`, (body) => body);
        }

        const whose = `user=${encodeURIComponent(otherCase(String(owner.username)))}`;
        for (const sort of SORT_KEYS.flatMap((key) => [key, `-${key}`])) {
          const rows = await walk('tokens', `/admin/tokens?${whose}&sort=${sort}`);
          expect(idsOf(rows)).toEqual(idsOf(issued));
        }
        for (const { id, description } of issued) {
          const q = String(description).slice(0, 200).toWellFormed();
          expect(
            idsOf(await walk('tokens', `/admin/tokens?${whose}&q=${encodeURIComponent(q)}`, whole.admin, 500)),
          ).toContain(id);
          await sendBack('tokens', `/admin/tokens/${id}`, tokenStill);
          expect((await walk('tokens', `/admin/tokens/${id}/history`, whole.admin, 1)).length).toBe(1);
        }
        const revoked = issued[0]?.id;
        expectStatus(await whole.tokens('POST', `/admin/tokens/${revoked}/revoke`, { as: whole.admin, json: {} }), 200);
        await sendBack('tokens', `/admin/tokens/${revoked}`, tokenStill);
        expect(await walk('tokens', `/admin/audit?user=${owner.id}`, whole.admin, 1)).toHaveLength(issued.length + 1);

        // Its own rows go on being what they are when they are nobody's.
        expectStatus(await whole.identity('DELETE', `/users/${owner.id}`, { as: whole.admin }), 204);
        expect(idsOf(await walk('tokens', `/admin/tokens?${whose}`))).toEqual(idsOf(issued));
        await sendBack('tokens', `/admin/tokens/${issued[1]?.id}`, tokenStill);
        for (const { id } of others)
          expectStatus(await whole.identity('DELETE', `/users/${id}`, { as: whole.admin }), 204);
      },
    );
    await fc.assert(run, { numRuns: RUNS, endOnFailure: true });
  }, 120_000);

  it('one’s own tokens, sessions and contact', async () => {
    await whole.register('own-things');
    const as = await whole.logIn('OWN-THINGS', 'a password of a user');
    for (let n = 0; n < 5; n++) {
      const json = { description: `${'\u0001'.repeat(250)}${n}.`, scopes: ['rest', 'tokens'] };
      const { secret } = expectStatus(await whole.tokens('POST', '/tokens', { as, json }), 201).body;
      expectStatus(await whole.tokens('POST', '/sessions', { as: secret }), 201);
    }
    const own = await walk('tokens', '/tokens?sort=-description', as, 1);
    expect(own).toHaveLength(5);
    expect(await walk('tokens', '/sessions', as, 1)).toHaveLength(6);
    for (const item of own) {
      const answer = await whole.tokens('PATCH', `/tokens/${item.id}`, { as, json: { ...item, description: 'other' } });
      expect(expectStatus(answer, 200).body.token).toMatchObject({ description: 'other', scopes: item.scopes });
    }
    const me = await get('identity', '/me', as);
    expect(expectStatus(await whole.identity('PATCH', '/me', { as, json: me }), 200).body).toEqual(me);
    const json = { ...me, user: { ...me.user, roles: ['admin'] } };
    expect(expectStatus(await whole.identity('PATCH', '/me', { as, json }), 400).body.errors[0].field).toBe('roles');
  });
});
