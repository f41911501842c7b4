import pg from 'pg';
import { rebuildProjection } from './rebuild.js';
import { call } from './testing/http.js';
import { startTokenService, type TestTokenService, type TestUser } from './testing/token-service.js';
import { CreateToken } from './verbs/create-token.js';
import { EditToken } from './verbs/edit-token.js';
import { RefreshToken } from './verbs/refresh-token.js';

describe('rebuilding a projection', () => {
  let service: TestTokenService;
  let ada: TestUser;

  beforeAll(async () => {
    service = await startTokenService();
    ada = await service.register('ada');
  });
  afterAll(() => service.stop());

  const issue = (description: string) =>
    service.commands.execute(
      new CreateToken(service.caller(ada), { userId: ada.id, description, scopes: ['rest'] }, 'right'),
    );
  const table = async () =>
    (await service.store.pool.query(`SELECT * FROM tokens LEFT JOIN token_usage ON token_id = id ORDER BY id`)).rows;

  it('touches nothing in a database that a newer version has changed', async () => {
    const owner = new pg.Client(service.database.url);
    await owner.connect();
    try {
      await owner.query(`INSERT INTO tokenlog.migration_steps VALUES ('tokens', '2999-newer', false)`);
      await expect(rebuildProjection(service.database.url, 'token-table')).rejects.toThrow('2999-newer');
    } finally {
      await owner.query(`DELETE FROM tokenlog.migration_steps WHERE name = '2999-newer'`);
      await owner.end();
    }
  });

  it('makes the same table from the log, while tokens are made and used, and no reader sees it half built', async () => {
    const tokens = await Promise.all(Array.from({ length: 30 }, (_, index) => issue(`token ${index}`)));
    for (const { tokenId } of tokens.slice(0, 10)) {
      await service.commands.execute(new EditToken(service.caller(ada), tokenId, ada.id, { description: 'edited' }));
      await service.commands.execute(new RefreshToken(service.caller(ada), tokenId, ada.id, { password: 'right' }));
    }
    let running = true;
    let uses = 0;
    const using = Promise.all(
      tokens.slice(20).map(async ({ secret }) => {
        while (running) {
          expect(await service.verify({ credential: secret })).toMatchObject({ active: true });
          uses++;
        }
      }),
    );
    let made = tokens.length;
    const making = (async () => {
      while (running) {
        await issue('made meanwhile');
        made++;
      }
    })();
    const reading = (async () => {
      while (running) expect((await table()).length).toBeGreaterThanOrEqual(30);
    })();
    // Whatever happens, what runs beside it must end with the test.
    const stop = async () => {
      running = false;
      await Promise.all([using, making, reading]);
    };
    for (let round = 0; round < 3; round++) {
      const report = await rebuildProjection(service.database.url, 'token-table').catch(async (error) => {
        await stop();
        throw error;
      });
      expect(report.differences).toEqual({ tokens: 0, secret_graces: 0, token_usage: 0 });
    }
    await stop();
    const rows = await table();
    expect(rows).toHaveLength(made);
    expect(rows.reduce((sum, { use_count }) => sum + Number(use_count ?? 0), 0)).toBe(uses);
    expect((await rebuildProjection(service.database.url, 'token-table')).differences).toEqual({
      tokens: 0,
      secret_graces: 0,
      token_usage: 0,
    });
  });

  it('mends a table that was tampered with, and says how much differed', async () => {
    const { tokenId } = await issue('tampered with');
    const owner = new pg.Client(service.database.url);
    await owner.connect();
    await owner.query(`UPDATE tokens.tokens SET description = 'not so' WHERE id = $1`, [tokenId]);
    await owner.end();
    expect((await rebuildProjection(service.database.url, 'token-table')).differences.tokens).toBe(2);
    const { rows } = await service.store.pool.query('SELECT description FROM tokens WHERE id = $1', [tokenId]);
    expect(rows).toEqual([{ description: 'tampered with' }]);
  });

  it('of sessions keeps who is logged in', async () => {
    const { secret } = await issue('with a session');
    const session = (await call(service, 'POST', '/sessions', { as: secret })).body.session.credential;
    expect((await rebuildProjection(service.database.url, 'session-table')).differences).toEqual({ sessions: 0 });
    expect(await service.verify({ credential: session })).toMatchObject({ active: true });
  });

  it('of a projection that there is not says which there are', async () => {
    await expect(rebuildProjection(service.database.url, 'nonsense')).rejects.toThrow('token-table, session-table');
  });
});
