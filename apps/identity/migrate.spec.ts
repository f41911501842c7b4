import { spawnSync } from 'node:child_process';
import { migrateDatabase } from '@tokenlog/platform/database.js';
import pg from 'pg';
import { v7 } from 'uuid';
import { type TestDatabase, testDatabase } from '../../test/support/database.js';
import { eventually } from '../../test/support/eventually.js';
import { identityPart } from './config/database-part.js';
import { setPasswordOf } from './login/set-password-as-owner.js';
import { migrate } from './migrate.js';
import { UsersAndLog } from './migrations/0001-users-and-log.js';
import { ExternalIdentities } from './migrations/0002-external-identities.js';
import { MailedEvents } from './migrations/0003-mailed-events.js';
import { Places } from './migrations/0004-places.js';
import { LoginAddresses } from './migrations/0005-login-addresses.js';
import { FoldedUsernames } from './migrations/0007-folded-usernames.js';
import { isPassword } from './user/passwords.js';
import { IS_NAMED } from './user/users.js';

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

  it('knows by the log where accounts have logged in before there was a table of it, whatever stood there for an address', async () => {
    await migrateDatabase(database.url, identityPart, [UsersAndLog, ExternalIdentities, MailedEvents, Places]);
    const [ada, gone] = [v7(), v7()];
    await sql.query(
      `INSERT INTO identity.users (id, kind, username, must_change_password, roles, disabled, created_at, version)
       VALUES ($1, 'person', 'ada', false, '{}', false, now(), 1)`,
      [ada],
    );
    const logins = [
      ...['192.0.2.7', '192.0.2.7', '2001:db8:0:1::1', '2001:DB8:0:1:2::3', '::1', 'x'.repeat(64), '', null].map(
        (ip) => [ada, ip],
      ),
      [gone, '192.0.2.9'],
    ];
    for (const [version, [user, ip]] of logins.entries()) {
      await sql.query(
        `INSERT INTO identity.events (id, stream, version, type, entity, data, metadata) VALUES ($1, $2, $3, 'user-logged-in', $4, $5, '{}')`,
        [v7(), `user-${user}`, version + 1, user, JSON.stringify({ method: 'password', ip })],
      );
    }
    await sql.query(`INSERT INTO identity.wrong_passwords (key, points, expire) VALUES ('account:x', 3, 1)`);
    await migrate(database.url);
    const { rows } = await sql.query('SELECT user_id, network FROM identity.login_addresses ORDER BY network');
    expect(rows).toEqual(['192.0.2.7', '2001:db8:0:1::/64', '::/64'].map((network) => ({ user_id: ada, network })));
    // An older version that still runs counts on.
    const counted = await sql.query(
      `INSERT INTO identity.wrong_passwords AS w (key, points, expire) VALUES ('account:x', 1::int, 1)
       ON CONFLICT (key) DO UPDATE SET points = w.points + 1 RETURNING points`,
    );
    expect(counted.rows).toEqual([{ points: 4 }]);
  });

  const insertUser = (username: string) =>
    sql.query(
      `INSERT INTO identity.users (id, kind, username, must_change_password, roles, disabled, created_at, version)
       VALUES ($1, 'person', $2, false, '{}', false, now(), 1)`,
      [v7(), username],
    );
  const beforeFolding = [UsersAndLog, ExternalIdentities, MailedEvents, Places, LoginAddresses];

  it('knows accounts from before names were compared by Unicode, and lets no second one have such a name', async () => {
    await migrateDatabase(database.url, identityPart, beforeFolding);
    await insertUser('Isabel');
    await migrate(database.url);
    await expect(insertUser('ISABEL')).rejects.toThrow('users_folded_username');
    const plan = await sql.query(
      `BEGIN; SET LOCAL enable_seqscan = off; EXPLAIN SELECT FROM identity.users WHERE ${IS_NAMED.replace('?', `'iSABEL'`)}; ROLLBACK`,
    );
    expect(JSON.stringify(plan)).toContain('users_folded_username');
  });

  it('says which accounts have names that are one now, where a locale had let them be two', async () => {
    const turkish = await testDatabase('tr-TR');
    try {
      await migrateDatabase(turkish.url, identityPart, beforeFolding);
      const client = new pg.Client(turkish.url);
      await client.connect();
      for (const name of ['isabel', 'ISABEL']) {
        await client.query(
          `INSERT INTO identity.users (id, kind, username, must_change_password, roles, disabled, created_at, version)
           VALUES ($1, 'person', $2, false, '{}', false, now(), 1)`,
          [v7(), name],
        );
      }
      await client.end();
      await expect(migrateDatabase(turkish.url, identityPart, [...beforeFolding, FoldedUsernames])).rejects.toThrow(
        'the account names ISABEL and isabel count as the same',
      );
    } finally {
      await turkish.drop();
    }
  });

  it('refuses a database that cannot hold every name, by what is to be done', async () => {
    const name = `latin_${v7().replaceAll('-', '')}`;
    await sql.query(`CREATE DATABASE ${name} ENCODING 'LATIN1' TEMPLATE template0`);
    const url = new URL(database.url);
    url.pathname = `/${name}`;
    try {
      await expect(migrate(url.href)).rejects.toThrow(
        'DATABASE_URL: the database is in LATIN1; make one with ENCODING',
      );
    } finally {
      await sql.query(`DROP DATABASE ${name} WITH (FORCE)`);
    }
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

  it('sets no password in a database that a newer version has changed', async () => {
    await migrate(database.url);
    await sql.query(`INSERT INTO tokenlog.migration_steps VALUES ('identity', '0999-of-a-newer-version', false)`);
    const refused = { name: 'ConfigError', message: expect.stringContaining('0999-of-a-newer-version') };
    await expect(setPasswordOf(database.url, 'admin')).rejects.toMatchObject(refused);
    await expect(migrate(database.url)).rejects.toMatchObject(refused);
    await sql.query('UPDATE tokenlog.migration_steps SET is_safe_for_earlier = true');
    expect(await migrate(database.url)).toEqual({ newerVersion: expect.stringContaining('0999-of-a-newer-version') });
    await setPasswordOf(database.url, 'admin');
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
