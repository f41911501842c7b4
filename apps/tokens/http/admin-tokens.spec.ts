import { call, sessionOf } from '../testing/http.js';
import { shortLived } from '../testing/short-lived.js';
import { startTokenService, type TestTokenService, type TestUser } from '../testing/token-service.js';
import type { TokenView } from '../token/token-view.js';
import { CreateToken } from '../verbs/create-token.js';

describe('the admin table', () => {
  let service: TestTokenService;
  let ada: TestUser;
  let grace: TestUser;
  let admin: string;

  beforeAll(async () => {
    service = await startTokenService();
    [ada, grace] = [await service.register('ada'), await service.register('grace')];
    admin = await sessionOf(service, await service.register('chief', { roles: ['admin'] }));
  });
  afterAll(() => service.stop());

  const issue = (user: TestUser, description: string, more: { scopes?: string[]; expiresAt?: string } = {}) =>
    service.commands.execute(
      new CreateToken(service.caller(user), { userId: user.id, scopes: ['rest'], description, ...more }, 'right'),
    );
  const list = async (query: string) => {
    const answer = await call(service, 'GET', `/admin/tokens?${query}`, { as: admin });
    expect(answer.status).toBe(200);
    return answer.body as { items: TokenView[]; nextCursor: string | null; total: number };
  };
  const problem = (status: number, code: string) =>
    expect.objectContaining({ status, body: expect.objectContaining({ status, code }) });

  it('S36 has the columns that people know, and S24 lists expired, revoked and invalid tokens too', async () => {
    const gone = await service.register('gone');
    const ids = [
      await issue(gone, 'table: invalid'),
      await shortLived((expiresAt) => issue(ada, 'table: expired', { expiresAt })),
      await issue(ada, 'table: active', { expiresAt: new Date(Date.now() + 100_000).toISOString() }),
      await issue(ada, 'table: revoked'),
    ];
    await service.delete(gone);
    const revoke = { as: admin, json: { password: 'right' } };
    await call(service, 'POST', `/admin/tokens/${ids[3]?.tokenId}/revoke`, revoke);
    await service.verify({ credential: ids[2]?.secret });
    const session = await call(service, 'POST', '/sessions', { as: ids[2]?.secret ?? '' });
    expect(session.status).toBe(201);
    const { items } = await list('q=table:&sort=description');
    expect(items.map(({ description, state }) => [description, state])).toEqual([
      ['table: active', 'active'],
      ['table: expired', 'expired'],
      ['table: invalid', 'invalid'],
      ['table: revoked', 'revoked'],
    ]);
    expect(items[0]).toEqual({
      id: ids[2]?.tokenId,
      userId: ada.id,
      user: 'ada',
      description: 'table: active',
      scopes: ['rest'],
      state: 'active',
      expiresAt: expect.any(String),
      secondsTilExpiry: expect.any(Number),
      createdAt: expect.any(String),
      createdBy: 'ada',
      updatedAt: expect.any(String),
      updatedBy: 'ada',
      lastUsedAt: expect.any(String),
      useCount: 2,
      activeSessions: 1,
    });
    expect(items[2]).toMatchObject({ user: 'gone', secondsTilExpiry: null });
    expect(items[3]).toMatchObject({ updatedBy: 'chief' });
  });

  it('finds by user, state and a part of the text', async () => {
    await issue(grace, 'Find 100% of me_');
    expect((await list('user=grace&q=100%25%20of%20ME_')).total).toBe(1);
    expect((await list(`user=${grace.id}&state=active`)).items.every(({ user }) => user === 'grace')).toBe(true);
    expect((await list('user=grace&state=revoked')).total).toBe(0);
  });

  it.each(['-createdAt', 'description', '-user', 'expiresAt', '-lastUsedAt', 'useCount', 'state', '-activeSessions'])(
    'pages through every row once, sorted by %s, while rows come and go',
    async (sort) => {
      const tag = `page${sort.replace('-', 'd')}`;
      const stay = new Set<string>();
      for (let index = 0; index < 12; index++)
        stay.add((await issue(index % 2 ? ada : grace, `${tag} ${index % 5}`)).tokenId);
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const page = await list(`q=${tag}&sort=${sort}&limit=5${cursor ? `&cursor=${cursor}` : ''}`);
        seen.push(...page.items.map(({ id }) => id));
        cursor = page.nextCursor;
        const passing = await issue(ada, `${tag} passing`);
        await call(service, 'DELETE', `/admin/tokens/${passing.tokenId}`, { as: admin, json: { password: 'right' } });
      } while (cursor);
      expect(new Set(seen).size).toBe(seen.length);
      for (const id of stay) expect(seen).toContain(id);
    },
  );

  it('shows the table as it was, whoever holds the end of the log back', async () => {
    const holder = await service.store.pool.connect();
    await holder.query('BEGIN; SELECT pg_current_xact_id()');
    const { tokenId } = await issue(ada, 'as of: first name');
    const then = new Date();
    const change = { as: admin, json: { description: 'as of: second name' } };
    await new Promise((resolve) => setTimeout(resolve, 5));
    await call(service, 'PATCH', `/admin/tokens/${tokenId}`, change);
    const later = await issue(ada, 'as of: later');
    const was = await list(`q=as%20of&asOf=${then.toISOString()}`);
    expect(was.items.map(({ description }) => description)).toEqual(['as of: first name']);
    await holder.query('ROLLBACK');
    holder.release();
    const now = await list('q=as%20of');
    expect(now.items.map(({ id }) => id).sort()).toEqual([tokenId, later.tokenId].sort());
    const future = new Date(Date.now() + 60_000).toISOString();
    expect(await call(service, 'GET', `/admin/tokens?asOf=${future}`, { as: admin })).toEqual(
      problem(400, 'invalid-request'),
    );
  });

  it.each(['limit=0', 'limit=x', 'sort=secret', 'cursor=abc', 'state=gone', 'nonsense=1', 'asOf=yesterday'])(
    'refuses the query %s with a 400 that names the field',
    async (query) => {
      const answer = await call(service, 'GET', `/admin/tokens?${query}`, { as: admin });
      expect(answer.status).toBe(400);
      expect(answer.body.detail).toContain(query.split('=')[0]);
    },
  );

  it('S10 an admin creates for anybody; the table says who did', async () => {
    const json = { userId: grace.id, description: 'for grace', scopes: ['rest'], password: 'right' };
    const answer = await call(service, 'POST', '/admin/tokens', { as: admin, json });
    expect(answer.status).toBe(201);
    expect(answer.body.token).toMatchObject({ user: 'grace', createdBy: 'chief' });
    expect(await service.verify({ credential: answer.body.secret })).toMatchObject({ user: { username: 'grace' } });
    const nobody = { ...json, userId: '01997c9e-0000-7000-8000-000000000001' };
    expect(await call(service, 'POST', '/admin/tokens', { as: admin, json: nobody })).toEqual(
      problem(404, 'user-not-found'),
    );
  });

  it('S31 reassigning makes a new secret, ends the sessions, and the old holder has nothing', async () => {
    const gone = await service.register('leaver');
    const { tokenId, secret } = await issue(gone, 'to reassign');
    const session = (await call(service, 'POST', '/sessions', { as: secret })).body.session.credential;
    await service.delete(gone);
    expect(await service.verify({ credential: secret })).toEqual({ active: false, reason: 'invalid' });
    const path = `/admin/tokens/${tokenId}/reassign`;
    const answer = await call(service, 'POST', path, { as: admin, json: { userId: grace.id, password: 'right' } });
    expect(answer.status).toBe(200);
    expect(answer.body.token).toMatchObject({ user: 'grace', state: 'active', updatedBy: 'chief' });
    expect(await service.verify({ credential: answer.body.secret })).toMatchObject({ user: { username: 'grace' } });
    expect(await service.verify({ credential: secret })).toEqual({ active: false, reason: 'superseded' });
    expect(await service.verify({ credential: session })).toEqual({ active: false, reason: 'session-ended' });
    const again = await call(service, 'POST', path, { as: admin, json: { userId: grace.id, password: 'right' } });
    expect(again).toEqual(problem(409, 'same-user'));
  });

  it('is for admins, by role and by scope', async () => {
    const session = await sessionOf(service, ada);
    expect(await call(service, 'GET', '/admin/tokens', { as: session })).toEqual(problem(403, 'scope'));
    const chief = await service.register('chief-2', { roles: ['admin'] });
    const { secret } = await issue(chief, 'of an admin, without the scope');
    expect(await call(service, 'GET', '/admin/tokens', { as: secret })).toEqual(problem(403, 'scope'));
    expect(await call(service, 'GET', '/admin/tokens')).toEqual(problem(401, 'credential-missing'));
  });
});
