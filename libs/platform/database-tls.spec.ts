import { chown, copyFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MikroORM } from '@mikro-orm/postgresql';
import pg from 'pg';
import { TestAuthority } from '../../test/support/certificates.js';
import { testFolder } from '../../test/support/folder.js';
import { type Postgres, startPostgres } from '../../tools/embedded-postgres.js';
import { generateSecret } from '../../tools/secrets.js';
import { closeDatabase, databaseOptions, migrateDatabase, poolOf } from './database.js';
import { databaseConnection } from './database-url.js';
import { waitForServers } from './wait-for-servers.js';

const PART = { schema: 'secure', role: 'tokenlog_secure' };

describe('a PostgreSQL with TLS', () => {
  let postgres: Postgres;
  let plain: Postgres;
  let ours: TestAuthority;
  let others: TestAuthority;

  beforeAll(async () => {
    const folder = await testFolder('database-tls');
    [ours, others] = [await TestAuthority.make(folder), await TestAuthority.make(folder, 'others')];
    const { cert, key } = await ours.issue('localhost');
    const start = (name: string, settings: Record<string, string>) =>
      startPostgres({
        dataDir: join(folder, name),
        password: generateSecret(),
        fsync: false,
        wantedPorts: [],
        settings,
      });
    plain = await start('plain', {});
    // The server takes a key that is its own user's alone.
    const first = await start('secure', {});
    await first.stop();
    const { uid, gid } = await stat(join(folder, 'secure'));
    const serverKey = join(folder, 'secure', 'server.key');
    await copyFile(key, serverKey);
    await chown(serverKey, uid, gid);
    const serverCert = join(folder, 'secure', 'server.pem');
    await copyFile(cert, serverCert);
    await chown(serverCert, uid, gid);
    const password = /:(\w+)@/.exec(first.url('postgres'))?.[1] ?? '';
    postgres = await startPostgres({
      dataDir: join(folder, 'secure'),
      password,
      fsync: false,
      port: first.port,
      settings: { ssl: 'on', ssl_cert_file: serverCert, ssl_key_file: serverKey },
    });
  });
  afterAll(() => Promise.all([postgres?.stop(), plain?.stop()]));

  const url = (host: string, parameters: string, of = postgres) =>
    `${of.url('postgres').replace('127.0.0.1', host)}?${parameters}`;
  const isEncrypted = async (to: string) => {
    const client = new pg.Client(databaseConnection(to));
    try {
      await client.connect();
      const { rows } = await client.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
      return rows[0].ssl as boolean;
    } finally {
      await client.end();
    }
  };

  it.each([
    ['sslmode=disable', '127.0.0.1', false],
    ['sslmode=require', '127.0.0.1', true],
    ['ssl=true', 'localhost', true],
    ['sslmode=verify-ca&sslrootcert=ours', '127.0.0.1', true],
    ['sslmode=require&sslrootcert=ours', '127.0.0.1', true],
    ['sslmode=verify-full&sslrootcert=ours', 'localhost', true],
  ])('%s to %s: encrypted is %s', async (parameters, host, encrypted) => {
    expect(await isEncrypted(url(host, parameters.replace('ours', ours.file)))).toBe(encrypted);
  });

  it.each([
    ['of nobody that is known', 'sslmode=verify-full', 'localhost'],
    ['of nobody that is known', 'sslmode=verify-ca', 'localhost'],
    ['of another authority', 'sslmode=verify-full&sslrootcert=others', 'localhost'],
    ['of another authority', 'sslmode=require&sslrootcert=others', 'localhost'],
    ['of another name', 'sslmode=verify-full&sslrootcert=ours', '127.0.0.1'],
  ])('whose certificate is %s is refused with %s', async (_, parameters, host) => {
    const to = url(host, parameters.replace('ours', ours.file).replace('others', others.file));
    await expect(isEncrypted(to)).rejects.toThrow(/certificate|altnames/);
    // It would not become right by waiting.
    await expect(
      waitForServers({ databaseUrl: to, natsUrl: 'nats://127.0.0.1:1', name: 'tokens' }),
    ).rejects.toMatchObject({
      name: 'ConfigError',
      message: expect.stringContaining('DATABASE_URL'),
    });
  });

  it('is never spoken to in the clear where TLS is asked for and it has none', async () => {
    const to = url('127.0.0.1', 'sslmode=require', plain);
    await expect(isEncrypted(to)).rejects.toThrow('does not support SSL');
    await expect(
      waitForServers({ databaseUrl: to, natsUrl: 'nats://127.0.0.1:1', name: 'tokens' }),
    ).rejects.toMatchObject({
      name: 'ConfigError',
    });
  });

  it('has every connection of a service and of its migrations encrypted', async () => {
    const to = url('localhost', `sslmode=verify-full&sslrootcert=${ours.file}`);
    await migrateDatabase(to, PART, []);
    const orm = await MikroORM.init(databaseOptions(to, PART));
    const { rows } = await (await poolOf(orm)).query(
      `SELECT pg_backend_pid() AS pid, current_setting('search_path') AS path, current_user AS "user"`,
    );
    expect(rows[0]).toMatchObject({ path: PART.schema, user: PART.role });
    const owner = new pg.Client(databaseConnection(url('127.0.0.1', 'sslmode=disable')));
    await owner.connect();
    const encrypted = await owner.query('SELECT ssl FROM pg_stat_ssl WHERE pid = $1', [rows[0].pid]);
    expect(encrypted.rows).toEqual([{ ssl: true }]);
    await owner.end();
    await closeDatabase(orm);
    await expect(migrateDatabase(url('localhost', 'sslmode=verify-full'), PART, [])).rejects.toThrow('certificate');
  });
});
