import { randomUUID } from 'node:crypto';
import { call, sessionOf } from '../testing/http.js';
import { startTokenService, type TestTokenService, type TestUser } from '../testing/token-service.js';
import { CreateToken } from '../verbs/create-token.js';

describe('If-Match and ETag of tokens', () => {
  let service: TestTokenService;
  let ada: TestUser;
  let bob: TestUser;
  let session: string;
  let admin: string;

  beforeAll(async () => {
    service = await startTokenService({ POLICY_REQUIRE_PASSWORD: 'none' });
    ada = await service.register('ada', { roles: ['admin'] });
    bob = await service.register('bob');
    session = await sessionOf(service, ada);
    admin = session;
  });
  afterAll(() => service?.stop());

  const created = () =>
    service.commands.execute(
      new CreateToken(service.caller(ada), { userId: ada.id, description: 'x', scopes: ['rest'], expiresAt: null }),
    );
  const read = (id: string, as = session) => call(service, 'GET', `/tokens/${id}`, { as });
  const tagOf = async (id: string) => (await read(id)).headers.get('etag') as string;
  const edit = (id: string, description: string, ifMatch: string) =>
    call(service, 'PATCH', `/tokens/${id}`, {
      as: session,
      json: { description },
      headers: { 'if-match': ifMatch },
    });

  it('is a strong tag, the same by every route, until the token is changed', async () => {
    const { tokenId, secret } = await created();
    const tag = await tagOf(tokenId);
    expect(tag).toMatch(/^"[\x21\x23-\x7e]+"$/);
    expect((await call(service, 'GET', `/admin/tokens/${tokenId}`, { as: admin })).headers.get('etag')).toBe(tag);
    expect((await call(service, 'GET', '/tokens/self', { as: secret })).headers.get('etag')).toBe(tag);
    expect(await tagOf(tokenId)).toBe(tag);
    await edit(tokenId, 'y', '*');
    expect(await tagOf(tokenId)).not.toBe(tag);
  });

  it('is not moved by a use, and an answer that shows the use is never hidden by a 304', async () => {
    const { tokenId, secret } = await created();
    const before = await read(tokenId);
    const tag = before.headers.get('etag') as string;
    await service.verify({ credential: secret });
    const after = await call(service, 'GET', `/tokens/${tokenId}`, {
      as: session,
      // By itself `fetch` would add `no-cache`, which nobody answers with a 304.
      headers: { 'if-none-match': tag, 'cache-control': 'max-age=0' },
    });
    expect(after.status).toBe(200);
    expect(after.headers.get('etag')).toBe(tag);
    expect(after.body.token.useCount).toBe(before.body.token.useCount + 1);
  });

  const changes: [string, string, (id: string) => string, object | undefined][] = [
    ['edit', 'PATCH', (id) => `/tokens/${id}`, { description: 'other' }],
    ['refresh', 'POST', (id) => `/tokens/${id}/refresh`, {}],
    ['revoke', 'POST', (id) => `/tokens/${id}/revoke`, {}],
    ['delete', 'DELETE', (id) => `/tokens/${id}`, undefined],
    ['edit as an admin', 'PATCH', (id) => `/admin/tokens/${id}`, { description: 'other' }],
    ['refresh as an admin', 'POST', (id) => `/admin/tokens/${id}/refresh`, {}],
    ['revoke as an admin', 'POST', (id) => `/admin/tokens/${id}/revoke`, {}],
    ['reassign', 'POST', (id) => `/admin/tokens/${id}/reassign`, { userId: 'bob' }],
    ['delete as an admin', 'DELETE', (id) => `/admin/tokens/${id}`, undefined],
    ['refresh by itself', 'POST', () => '/tokens/self/refresh', {}],
    ['revoke by itself', 'POST', () => '/tokens/self/revoke', {}],
  ];
  it.each(changes)('%s does nothing at a tag of before, and all at the present one', async (_, method, path, body) => {
    const { tokenId, secret } = await created();
    const json = body && 'userId' in body ? { userId: bob.id } : body;
    const stale = await tagOf(tokenId);
    const present = (await edit(tokenId, 'changed by another', '*')).headers.get('etag') as string;
    const as = path(tokenId).includes('/self/') ? secret : session;
    const change = (ifMatch: string) =>
      call(service, method, path(tokenId), { as, json, headers: { 'if-match': ifMatch } });

    const refused = await change(stale);
    expect(refused).toMatchObject({ status: 412, body: { code: 'precondition-failed', status: 412 } });
    expect(refused.headers.get('etag')).toBe(present);
    expect(await tagOf(tokenId)).toBe(present);

    const done = await change(present);
    expect([200, 204]).toContain(done.status);
    if (done.status === 200) {
      const now = await call(service, 'GET', `/admin/tokens/${tokenId}`, { as: admin });
      expect(done.headers.get('etag')).toBe(now.headers.get('etag'));
      expect(done.headers.get('etag')).not.toBe(present);
    }
  });

  it.each([
    ['the tag alone', (tag: string) => tag, 200],
    ['a list that has it', (tag: string) => `"no", ${tag} ,W/"x,y"`, 200],
    ['a list with gaps', (tag: string) => `,, ${tag},`, 200],
    ['anything', () => '*', 200],
    ['another', () => '"1"', 412],
    ['a list without it', () => '"1", "2","a,b"', 412],
    ['the same as a weak one', (tag: string) => `W/${tag}`, 412],
    ['the empty tag', () => '""', 412],
    ['its letters in another case', (tag: string) => tag.toUpperCase().replace('"', '"x'), 412],
  ])('If-Match that says %s', async (_, header, status) => {
    const { tokenId } = await created();
    expect((await edit(tokenId, 'y', header(await tagOf(tokenId)))).status).toBe(status);
  });

  it.each(['1', 'abc', '"open', '"a" "b"', '"a";"b"', 'w/"a"', '*, "a"', ',', '', "'a'", '"a\tb"'])(
    'If-Match that is %j is a 400 that names the header',
    async (header) => {
      const { tokenId } = await created();
      const answer = await edit(tokenId, 'y', header);
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid-request', errors: [{ field: 'If-Match' }] } });
    },
  );

  it('somebody whose token it is not is told that it is not there, whatever the tag', async () => {
    const { tokenId } = await created();
    const other = await sessionOf(service, bob);
    for (const ifMatch of ['"1"', '*', await tagOf(tokenId)]) {
      const json = { description: 'mine' };
      const answer = await call(service, 'PATCH', `/tokens/${tokenId}`, {
        as: other,
        json,
        headers: { 'if-match': ifMatch },
      });
      expect(answer).toMatchObject({ status: 404, body: { code: 'token-not-found' } });
    }
    const unknown = await edit(randomUUID(), 'x', '*');
    expect(unknown.status).toBe(404);
  });

  it('what was read before a revocation is told that it changed, not that it sends what cannot be changed', async () => {
    const { tokenId } = await created();
    const { body, headers } = await read(tokenId);
    await call(service, 'POST', `/tokens/${tokenId}/revoke`, { as: session, json: {} });
    const answer = await call(service, 'PATCH', `/tokens/${tokenId}`, {
      as: session,
      json: body.token,
      headers: { 'if-match': headers.get('etag') as string },
    });
    expect(answer).toMatchObject({ status: 412, body: { code: 'precondition-failed' } });
  });

  it('a creation has nothing that a tag could be of', async () => {
    const json = { description: 'x', scopes: [] };
    const create = (ifMatch: string) =>
      call(service, 'POST', '/tokens', { as: session, json, headers: { 'if-match': ifMatch } });
    expect((await create('"1"')).status).toBe(412);
    expect((await create('*')).status).toBe(201);
  });

  it('of many who change at once what they read at once, by two services, exactly one does', async () => {
    const second = await service.start();
    try {
      const urls = [service.url, `http://127.0.0.1:${second.getHttpServer().address().port}`];
      for (let round = 0; round < 5; round++) {
        const { tokenId } = await created();
        const tag = await tagOf(tokenId);
        const versionsBefore = (await call(service, 'GET', `/tokens/${tokenId}/history`, { as: session })).body.total;
        const answers = await Promise.all(
          Array.from({ length: 16 }, (_, index) =>
            fetch(new URL(`/tokens/${tokenId}`, urls[index % 2]), {
              method: 'PATCH',
              headers: { authorization: `Bearer ${session}`, 'content-type': 'application/json', 'if-match': tag },
              body: JSON.stringify({ description: `by ${index}` }),
            }),
          ),
        );
        const statuses = answers.map(({ status }) => status);
        expect(statuses.filter((status) => status === 200)).toHaveLength(1);
        expect(statuses.filter((status) => status === 412)).toHaveLength(15);
        const after = await read(tokenId);
        expect(after.body.token.description).toBe(`by ${statuses.indexOf(200)}`);
        const history = (await call(service, 'GET', `/tokens/${tokenId}/history`, { as: session })).body;
        expect(history.total).toBe(versionsBefore + 1);
      }
    } finally {
      await second.close();
    }
  });
});
