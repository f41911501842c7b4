import pg from 'pg';
import { eventually } from '../../../test/support/eventually.js';
import { call } from '../testing/http.js';
import { startTokenService, type TestTokenService, type TestUser } from '../testing/token-service.js';
import { CreateToken } from '../verbs/create-token.js';

describe('a route of the token service itself', () => {
  let service: TestTokenService;
  let ada: TestUser;
  let token: { tokenId: string; secret: string };

  beforeAll(async () => {
    service = await startTokenService();
    ada = await service.register('ada', { roles: ['operator'] });
    const wish = { userId: ada.id, description: 'export', scopes: ['rest'], expiresAt: null };
    token = await service.commands.execute(new CreateToken(service.caller(ada), wish, 'right'));
  });
  afterAll(() => service.stop());

  const look = () => call(service, 'GET', '/tokens/self', { as: token.secret });

  it('S34 a request is one use, in the log before its answer', async () => {
    await look();
    const { rows } = await service.store.pool.query(
      `SELECT data -> 'breakdown' AS breakdown FROM events WHERE entity = $1 AND type = 'token-used'`,
      [token.tokenId],
    );
    expect(rows).toEqual([{ breakdown: [{ service: 'tokens', ip: '127.0.0.1', count: 1 }] }]);
  });

  it('S4 a name that no account can have is a 401, not an error', async () => {
    const basic = Buffer.from(`${'a'.repeat(200)}:${token.secret}`).toString('base64');
    const { status, body } = await call(service, 'GET', '/tokens/self', {
      headers: { authorization: `Basic ${basic}` },
    });
    expect([status, body.code]).toEqual([401, 'unknown']);
  });

  it('is refused with 503 while the database does not answer, and let through when it does again', async () => {
    const owner = new pg.Client(service.database.url);
    await owner.connect();
    try {
      await owner.query('BEGIN; LOCK TABLE tokens.token_usage IN ACCESS EXCLUSIVE MODE');
      expect((await look()).status).toBe(503);
    } finally {
      await owner.end();
    }
    await eventually(async () => expect((await look()).status).toBe(200));
  });
});
