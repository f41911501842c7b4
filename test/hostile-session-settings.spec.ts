import pg from 'pg';
import { rebuildProjection } from '../apps/tokens/rebuild.js';
import { type TestDatabase, testDatabase } from './support/database.js';
import { eventually } from './support/eventually.js';
import { ADMIN_PASSWORD, expectStatus, PASSWORD, WholeSystem } from './support/whole-system.js';

/** Each would change an answer, or leave none, if a session took it as it finds it. */
const HOSTILE = {
  DateStyle: 'German, DMY',
  IntervalStyle: 'sql_standard',
  TimeZone: 'Pacific/Chatham',
  bytea_output: 'escape',
  extra_float_digits: '-10',
  array_nulls: 'off',
  transform_null_equals: 'on',
  default_transaction_isolation: 'serializable',
  default_transaction_read_only: 'on',
  default_transaction_deferrable: 'on',
  synchronous_commit: 'off',
  statement_timeout: '1ms',
  lock_timeout: '1ms',
  idle_in_transaction_session_timeout: '1ms',
  idle_session_timeout: '20ms',
  transaction_timeout: '30ms',
  search_path: 'pg_catalog',
  client_encoding: 'LATIN1',
  standard_conforming_strings: 'off',
  gin_fuzzy_search_limit: '1',
} as const;

describe('session settings of a database and of a role', () => {
  let database: TestDatabase;
  let whole: WholeSystem;

  beforeAll(async () => {
    database = await testDatabase();
    const owner = new pg.Client(database.url);
    await owner.connect();
    const name = new URL(database.url).pathname.slice(1);
    for (const [setting, value] of Object.entries(HOSTILE)) {
      const list = setting === 'DateStyle' ? `'${value}'` : setting === 'search_path' ? value : `'${value}'`;
      await owner.query(`ALTER DATABASE ${name} SET ${setting} = ${list}`);
      await owner.query(`ALTER ROLE CURRENT_USER IN DATABASE ${name} SET ${setting} = ${list}`);
    }
    await owner.end();
    whole = await WholeSystem.start('hostile', { DATABASE_URL: database.url });
  });
  afterAll(async () => {
    await whole?.stop();
    await database?.drop();
  });

  it('change no answer', async () => {
    const ada = await whole.register('ada', { roles: ['operator'], displayName: 'Ada Löwe – 名' });
    const before = Date.now();
    const session = await whole.logIn('ada', PASSWORD);
    const me = expectStatus(await whole.identity('GET', '/me', { as: session }), 200).body;
    expect(me).toMatchObject({ user: { roles: ['operator'] }, contact: { displayName: 'Ada Löwe – 名' } });

    const { token, secret } = await whole.issue(ada.id, { expiresAt: '2030-02-03T04:05:06.000Z' });
    expectStatus(await whole.example('GET', '/', { as: secret }), 200);
    const body = expectStatus(await whole.tokens('GET', '/tokens/self', { as: secret }), 200).body.token;
    expect(body).toMatchObject({ expiresAt: '2030-02-03T04:05:06.000Z', useCount: 2, state: 'active' });
    for (const at of [body.createdAt, body.lastUsedAt]) {
      expect(at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect(Math.abs(Date.parse(at) - before)).toBeLessThan(60_000);
    }
    const listed = expectStatus(
      await whole.tokens('GET', '/admin/tokens?user=ada&sort=expiresAt', { as: whole.admin }),
      200,
    );
    expect(listed.body.items).toEqual([
      expect.objectContaining({ id: token.id, expiresAt: '2030-02-03T04:05:06.000Z' }),
    ]);
    const history = expectStatus(
      await whole.tokens('GET', `/admin/tokens/${token.id}/history`, { as: whole.admin }),
      200,
    );
    expect(history.body.items.length).toBeGreaterThan(1);
    const audit = expectStatus(await whole.tokens('GET', '/admin/audit?type=token-created', { as: whole.admin }), 200);
    expect(Date.parse(audit.body.items[0].at)).toBeGreaterThan(before - 60_000);

    // Longer than a session may be idle by those settings.
    await eventually(async () => {
      const changed = await whole.tokens('POST', `/admin/tokens/${token.id}/revoke`, {
        as: whole.admin,
        json: { password: ADMIN_PASSWORD },
      });
      expectStatus(changed, 200);
    });
    expectStatus(await whole.example('GET', '/', { as: secret }), 401);
  });

  it('change nothing in a rebuild', async () => {
    const report = await rebuildProjection(database.url, 'token-table');
    expect(Object.values(report.differences).every((count) => Number(count) === 0)).toBe(true);
  });
});
