import { randomUUID } from 'node:crypto';
import { parseCredential } from '@tokenlog/contracts/credential.js';
import { call, sessionOf } from '../testing/http.js';
import { shortLived } from '../testing/short-lived.js';
import { startTokenService, type TestTokenService, type TestUser } from '../testing/token-service.js';

describe('own tokens', () => {
  let service: TestTokenService;
  let ada: TestUser;
  let session: string;
  let stranger: string;

  beforeAll(async () => {
    service = await startTokenService();
    ada = await service.register('ada', { roles: ['operator'] });
    session = await sessionOf(service, ada);
    stranger = await sessionOf(service, await service.register('eve'));
  });
  afterEach(() => service.answerPasswordChecks({ outcome: 'right' }));
  afterAll(() => service.stop());

  const create = async (body: object = {}) => {
    const json = { description: 'export', scopes: ['rest'], password: 'right', ...body };
    return call(service, 'POST', '/tokens', { as: session, json });
  };
  const created = async (body: object = {}) => {
    const answer = await create(body);
    expect(answer.status).toBe(201);
    return answer.body as { token: { id: string; expiresAt: string | null }; secret: string };
  };
  const problem = (status: number, code: string) =>
    expect.objectContaining({ status, body: expect.objectContaining({ status, code }) });

  it('S7 the text is in the answer to the creation, and in no later answer, event or row', async () => {
    const { token, secret } = await created();
    const part = parseCredential(secret)!.secret;
    for (const path of [`/tokens`, `/tokens/${token.id}`, `/tokens/${token.id}/history`]) {
      expect(JSON.stringify((await call(service, 'GET', path, { as: session })).body)).not.toContain(part);
    }
    const { rows: tables } = await service.store.pool.query(
      `SELECT table_name FROM information_schema.tables WHERE table_schema = 'tokens' AND table_name NOT LIKE 'events\\_%'`,
    );
    for (const { table_name } of tables.filter(({ table_name }) => table_name !== 'migrations')) {
      const { rows } = await service.store.pool.query(`SELECT 1 FROM ${table_name} t WHERE strpos(t::text, $1) > 0`, [
        part,
      ]);
      expect({ table_name, rows }).toEqual({ table_name, rows: [] });
    }
  });

  it('S8 S9 has as many tokens as one wants, each with a description, scopes and an optional expiry', async () => {
    const expiresAt = new Date(Date.now() + 86_400_000).toISOString();
    const first = await created({ description: 'first', expiresAt });
    const second = await created({ description: 'second', scopes: ['rest', 'export'] });
    expect(first.token).toMatchObject({
      userId: ada.id,
      user: 'ada',
      description: 'first',
      scopes: ['rest'],
      state: 'active',
      expiresAt,
      createdBy: 'ada',
      updatedBy: 'ada',
      lastUsedAt: null,
      useCount: 0,
      activeSessions: 0,
    });
    expect(second.token).toMatchObject({ expiresAt: null, secondsTilExpiry: null, scopes: ['rest', 'export'] });
  });

  it.each([
    ['a description', { description: undefined }, 'description'],
    ['a description that says something', { description: '   ' }, 'description'],
    ['scopes', { scopes: undefined }, 'scopes'],
    ['scopes that are names', { scopes: ['Not a scope'] }, 'scopes.0'],
    ['an instant as expiry', { expiresAt: 'tomorrow' }, 'expiresAt'],
    ['S9 an expiry in the future', { expiresAt: '2001-01-01T00:00:00Z' }, 'expiresAt'],
    ['S6 no value of its maker’s own', { secret: 'chosen-by-hand' }, 'secret'],
    ['S6 no value of its maker’s own', { value: 'chosen-by-hand' }, 'value'],
  ])('a creation needs %s; else it is a 400 that names the field, and nothing is appended', async (_, body, field) => {
    const count = async () =>
      (await service.store.pool.query(`SELECT count(*) FROM events WHERE type = 'token-created'`)).rows[0].count;
    const before = await count();
    const answer = await create(body);
    expect(answer.status).toBe(400);
    expect(answer.body.errors[0].field).toBe(field);
    expect(await count()).toBe(before);
  });

  it('S11 asks for the password again, and says what was wrong with it', async () => {
    expect(await create({ password: undefined })).toEqual(problem(403, 'password-required'));
    expect(await create({ password: 'guess' })).toEqual(problem(403, 'wrong-password'));
    service.answerPasswordChecks({ outcome: 'no-local-password' });
    const none = await create();
    expect(none).toEqual(problem(409, 'no-local-password'));
    expect(none.body.detail).toContain('help desk');
    service.answerPasswordChecks({ outcome: 'throttled', retryAfterSeconds: 60 });
    const throttled = await create();
    expect(throttled).toEqual(problem(429, 'too-many-attempts'));
    expect(throttled.headers.get('retry-after')).toBe('60');
  });

  it('S18 an edit moves Last Updated and By, and leaves the secret alone', async () => {
    const { token, secret } = await created();
    const answer = await call(service, 'PATCH', `/tokens/${token.id}`, {
      as: session,
      json: { description: 'renamed' },
    });
    expect(answer.body.token).toMatchObject({ description: 'renamed', scopes: ['rest'], updatedBy: 'ada' });
    expect(answer.body.token.updatedAt > answer.body.token.createdAt).toBe(true);
    expect(await service.verify({ credential: secret })).toMatchObject({ active: true });
    const same = await call(service, 'PATCH', `/tokens/${token.id}`, { as: session, json: { description: 'renamed' } });
    expect(same.body.token.updatedAt).toBe(answer.body.token.updatedAt);
  });

  it('S19 S20 a refresh kills the old secret at once and keeps expiry, scopes, count and last use', async () => {
    const { token, secret } = await created({ expiresAt: new Date(Date.now() + 86_400_000).toISOString() });
    await service.verify({ credential: secret });
    const before = (await call(service, 'GET', `/tokens/${token.id}`, { as: session })).body.token;
    const json = { password: 'right' };
    const answer = await call(service, 'POST', `/tokens/${token.id}/refresh`, { as: session, json });
    const kept = ({ expiresAt, scopes, useCount, lastUsedAt }: typeof before) => ({
      expiresAt,
      scopes,
      useCount,
      lastUsedAt,
    });
    expect(answer.status).toBe(200);
    expect(kept(answer.body.token)).toEqual(kept(before));
    expect(await service.verify({ credential: secret })).toEqual({ active: false, reason: 'superseded' });
    expect(await service.verify({ credential: answer.body.secret })).toMatchObject({ active: true });
  });

  it('S19 a refresh of an expired token asks for a new expiry', async () => {
    const { token, secret } = await shortLived((expiresAt) => created({ expiresAt }));
    const path = `/tokens/${token.id}/refresh`;
    expect((await call(service, 'GET', `/tokens/${token.id}`, { as: session })).body.token.state).toBe('expired');
    expect(await call(service, 'POST', path, { as: session, json: { password: 'right' } })).toEqual(
      problem(409, 'expiry-needed'),
    );
    const json = { password: 'right', expiresAt: new Date(Date.now() + 60_000).toISOString() };
    const answer = await call(service, 'POST', path, { as: session, json });
    expect(answer.body.token.state).toBe('active');
    expect(await service.verify({ credential: secret })).toEqual({ active: false, reason: 'superseded' });
  });

  it('S21 a revocation is at once, disturbs no other token, and repeated changes nothing', async () => {
    const [one, other] = [await created(), await created()];
    const path = `/tokens/${one.token.id}/revoke`;
    const json = { password: 'right', reason: 'laptop lost' };
    const answer = await call(service, 'POST', path, { as: session, json });
    expect(answer.body.token.state).toBe('revoked');
    expect(await service.verify({ credential: one.secret })).toEqual({ active: false, reason: 'revoked' });
    expect(await service.verify({ credential: other.secret })).toMatchObject({ active: true });
    const again = await call(service, 'POST', path, { as: session, json });
    expect(again.body.token.updatedAt).toBe(answer.body.token.updatedAt);
    const refresh = await call(service, 'POST', `/tokens/${one.token.id}/refresh`, {
      as: session,
      json: { password: 'right' },
    });
    expect(refresh).toEqual(problem(409, 'token-revoked'));
    const history = await call(service, 'GET', `/tokens/${one.token.id}/history`, { as: session });
    expect(history.body.items.find(({ type }: { type: string }) => type === 'token-revoked')).toMatchObject({
      by: 'ada',
      byId: ada.id,
      from: [{ service: null, ip: expect.any(String), count: 1 }],
      changes: { reason: 'laptop lost' },
    });
  });

  it('S22 a deletion revokes, takes the row out of the list, and keeps the history', async () => {
    const { token, secret } = await created({ description: 'to delete' });
    const remove = (json: object) => call(service, 'DELETE', `/tokens/${token.id}`, { as: session, json });
    expect(await remove({})).toEqual(problem(403, 'password-required'));
    expect(await remove({ password: 'guess' })).toEqual(problem(403, 'wrong-password'));
    expect((await call(service, 'GET', `/tokens/${token.id}`, { as: session })).body.token.state).toBe('active');
    expect((await remove({ password: 'right' })).status).toBe(204);
    expect(await service.verify({ credential: secret })).toEqual({ active: false, reason: 'deleted' });
    const list = await call(service, 'GET', '/tokens?q=to%20delete', { as: session });
    expect(list.body).toEqual({ items: [], nextCursor: null, total: 0 });
    expect(await call(service, 'GET', `/tokens/${token.id}`, { as: session })).toEqual(problem(404, 'token-not-found'));
    const chief = await sessionOf(
      service,
      await service.register(`chief-${randomUUID().slice(0, 8)}`, { roles: ['admin'] }),
    );
    const history = await call(service, 'GET', `/admin/tokens/${token.id}/history`, { as: chief });
    expect(history.body.items.map(({ type }: { type: string }) => type)).toEqual([
      'token-refused',
      'token-deleted',
      'token-revoked',
      'token-created',
    ]);
  });

  it('S11 a deletion asks for no password where the token does not work any more', async () => {
    const revoked = (await created()).token;
    const path = `/tokens/${revoked.id}/revoke`;
    expect((await call(service, 'POST', path, { as: session, json: { password: 'right' } })).status).toBe(200);
    const { token: expired } = await shortLived((expiresAt) => created({ expiresAt }));
    for (const { id } of [revoked, expired]) {
      expect((await call(service, 'DELETE', `/tokens/${id}`, { as: session })).status).toBe(204);
    }
  });

  it.each([
    ['GET', ''],
    ['PATCH', ''],
    ['POST', '/refresh'],
    ['POST', '/revoke'],
    ['DELETE', ''],
    ['GET', '/history'],
  ])('another user’s token does not exist: %s %s', async (method, path) => {
    const { token, secret } = await created();
    const json = method === 'GET' || method === 'DELETE' ? undefined : method === 'PATCH' ? {} : { password: 'right' };
    const answer = await call(service, method, `/tokens/${token.id}${path}`, { as: stranger, json });
    expect(answer).toEqual(problem(404, 'token-not-found'));
    expect(await service.verify({ credential: secret })).toMatchObject({ active: true });
  });

  it('a token looks after itself, whatever its scopes, and nothing else without the scope for it', async () => {
    const { token, secret } = await created({ scopes: [] });
    const self = await call(service, 'GET', '/tokens/self', { as: secret });
    expect(self.body.token.id).toBe(token.id);
    expect(await call(service, 'GET', '/tokens', { as: secret })).toEqual(problem(403, 'scope'));
    const refreshed = await call(service, 'POST', '/tokens/self/refresh', {
      as: secret,
      json: { gracePeriodSeconds: 60 },
    });
    expect(refreshed.status).toBe(200);
    const revoked = await call(service, 'POST', '/tokens/self/revoke', { as: refreshed.body.secret });
    expect(revoked.body.token.state).toBe('revoked');
    expect(await call(service, 'GET', '/tokens/self', { as: secret })).toEqual(problem(401, 'revoked'));
    expect(await call(service, 'GET', '/tokens/self', { as: session })).toEqual(problem(403, 'not-a-token'));
  });

  it('a token with the scope `tokens` manages its user’s tokens', async () => {
    const { secret } = await created({ scopes: ['tokens'] });
    expect((await call(service, 'GET', '/tokens', { as: secret })).status).toBe(200);
    expect(await call(service, 'GET', '/admin/tokens', { as: secret })).toEqual(problem(403, 'scope'));
  });

  it('S25 only an admin may give the scopes that are reserved', async () => {
    expect(await create({ scopes: ['admin'] })).toEqual(problem(403, 'scope-reserved'));
    expect(await create({ scopes: ['introspect'] })).toEqual(problem(403, 'scope-reserved'));
  });
});
