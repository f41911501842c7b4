import { spawnSync } from 'node:child_process';
import pg from 'pg';
import { type TestDatabase, testDatabase } from '../../test/support/database.js';
import { eventually } from '../../test/support/eventually.js';
import { migrate } from './migrate.js';
import { isPassword } from './passwords.js';

describe('migrating identity', () => {
  let database: TestDatabase;
  let sql: pg.Client;

  beforeEach(async () => {
    database = await testDatabase();
    sql = new pg.Client(database.url);
    await sql.connect();
  });
  afterEach(async () => {
    // A pool that has ended is still closing its connections; the drop would break them off.
    await eventually(async () => {
      const { rows } = await sql.query(`SELECT count(*)::int AS others FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()`);
      return rows[0].others === 0;
    });
    await sql.end();
    await database.drop();
  });

  it('makes the first admin once, with a one-time password that must be changed, however many run at once', async () => {
    const answers = await Promise.all([1, 2, 3].map(() => migrate(database.url)));
    const [firstAdmin, ...others] = answers.flatMap((answer) => answer.firstAdmin ?? []);
    expect(others).toEqual([]);
    const { rows } = await sql.query('SELECT * FROM identity.users');
    expect(rows).toEqual([
      expect.objectContaining({ username: 'admin', roles: ['admin'], must_change_password: true }),
    ]);
    expect(await isPassword(rows[0].password_hash, firstAdmin?.password ?? '')).toBe(true);
    expect(await migrate(database.url)).toEqual({});
    expect((await sql.query('SELECT type, version FROM identity.events')).rows).toEqual([
      { type: 'user-registered', version: 1 },
    ]);
  });

  it('takes ADMIN_PASSWORD for the first admin, who then need not change it', async () => {
    const { firstAdmin } = await migrate(database.url, { adminPassword: 'correct horse battery' });
    expect(firstAdmin).toEqual({ username: 'admin', password: 'correct horse battery' });
    const { rows } = await sql.query('SELECT must_change_password AS must, password_hash AS hash FROM identity.users');
    expect(rows[0].must).toBe(false);
    expect(rows[0].hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  });

  it('lets the service neither change nor remove what is in the log', async () => {
    await migrate(database.url);
    for (const statement of [
      'DELETE FROM identity.events',
      `UPDATE identity.events SET type = 'x'`,
      'TRUNCATE identity.events',
    ]) {
      await expect(sql.query(statement)).rejects.toThrow('append-only');
      await expect(sql.query(`SET ROLE tokenlog_identity; ${statement}`)).rejects.toThrow('permission denied');
    }
  });

  it('as a program prints the one-time password once, and says in one line what is wrong', () => {
    const run = (env: Record<string, string>) => {
      const { stdout, stderr, status } = spawnSync(process.execPath, ['dist/apps/identity/migrate.js'], {
        env,
        encoding: 'utf8',
      });
      return { stdout, stderr, status };
    };
    expect(run({ DATABASE_URL: database.url })).toEqual({
      stdout: expect.stringMatching(/^First admin: admin\nOne-time password: \S{22}\n$/),
      stderr: '',
      status: 0,
    });
    expect(run({ DATABASE_URL: database.url })).toEqual({ stdout: '', stderr: '', status: 0 });
    expect(run({})).toMatchObject({ stderr: expect.stringMatching(/^DATABASE_URL is not set.*\n$/), status: 1 });
    expect(run({ DATABASE_URL: 'postgres://127.0.0.1:1/none' })).toMatchObject({
      stderr: expect.stringMatching(/^identity cannot migrate: .*ECONNREFUSED.*\n$/),
      status: 1,
    });
    expect(run({ DATABASE_URL: database.url, ADMIN_PASSWORD: 'short' })).toMatchObject({
      stderr: expect.stringMatching(/^ADMIN_PASSWORD is wrong: .*\n$/),
      status: 1,
    });
  });
});
