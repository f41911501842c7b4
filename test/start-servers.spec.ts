import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { startNats } from '../tools/embedded-nats.js';
import { generateNatsPasswords, generateSecret } from '../tools/secrets.js';
import { type System, startSystem } from '../tools/system.js';
import { type TestDatabase, testDatabase } from './support/database.js';
import { testFolder } from './support/folder.js';
import { testNats } from './support/nats.js';
import { ADMIN_PASSWORD } from './support/whole-system.js';

/** A start on servers of one's own: what they lack is said, and nothing "runs" that cannot do its work. */
describe('a start on servers that are named', () => {
  let database: TestDatabase;
  let nats: Awaited<ReturnType<typeof testNats>>;
  let system: System | undefined;

  beforeEach(async () => {
    [database, nats] = await Promise.all([testDatabase(), testNats()]);
  });
  afterEach(async () => {
    await system?.stop();
    system = undefined;
    await Promise.all([nats?.stop(), database?.drop()]);
  });

  const start = async (env: Record<string, string>) => {
    system = await startSystem({
      dataDir: await testFolder('servers'),
      ports: 'free',
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ADMIN_PASSWORD, DATABASE_URL: database.url, ...env },
    });
    return system;
  };
  const passwordOf = (user: keyof typeof nats.urls) => new URL(nats.urls[user]).password;
  const logIn = async () => {
    const answer = await fetch(`${system?.identity.url}/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'admin', password: ADMIN_PASSWORD }),
    });
    expect(answer.status).toBe(200);
  };

  it('runs with three URLs of the shipped configuration', async () => {
    const { identity, tokens, guard } = nats.urls;
    await start({ NATS_URL_IDENTITY: identity, NATS_URL_TOKENS: tokens, NATS_URL_GUARD: `${guard},${guard}` });
    await logIn();
  });

  it('runs with one URL and the file that has the passwords of the shipped configuration', async () => {
    const folder = await testFolder('passwords');
    const file = join(folder, '.env');
    const lines = (['identity', 'tokens', 'guard'] as const).map(
      (user) => `NATS_${user.toUpperCase()}_PASSWORD=${passwordOf(user)}`,
    );
    await writeFile(file, `# from npm run compose:env\nTOKEN_PEPPER=x\n${lines.join('\n')}\n`);
    const [url, databaseUrl] = [join(folder, 'nats-url'), join(folder, 'database-url')];
    await Promise.all([writeFile(url, `${nats.url}\n`), writeFile(databaseUrl, `${database.url}\r\n`)]);
    await start({ NATS_URL_FILE: url, NATS_PASSWORDS_FILE: file, DATABASE_URL: '', DATABASE_URL_FILE: databaseUrl });
    await logIn();
  });

  it('says what one user for all may not, and which variables mend it', async () => {
    for (const user of ['identity', 'tokens', 'guard'] as const) {
      await expect(start({ NATS_URL: nats.urls[user] })).rejects.toThrow(
        new RegExp(
          `^NATS_URL: the NATS user ${user} cannot be used for (identity|tokens): .*NATS_URL_TOKENS.*NATS_PASSWORDS_FILE`,
        ),
      );
    }
  });

  it('says that a server has no JetStream', async () => {
    const folder = await testFolder('no-jetstream');
    const without = await startNats({ dataDir: folder, passwords: generateNatsPasswords(), jetstream: false });
    const { identity, tokens, guard } = without.urls;
    const urls = { NATS_URL_IDENTITY: identity, NATS_URL_TOKENS: tokens, NATS_URL_GUARD: guard };
    await expect(start(urls)).rejects.toThrow(/^NATS_URL_IDENTITY: .*JetStream/);
    await without.stop();
  });

  it.each<[string, Record<string, string>]>([
    ['NATS_URL_TOKENS, NATS_URL_GUARD is not set', { NATS_URL_IDENTITY: 'nats://127.0.0.1' }],
    ['NATS_URL and NATS_URL_IDENTITY', { ...three('nats://127.0.0.1'), NATS_URL: 'nats://127.0.0.1' }],
    ['NATS_URL is not set', { NATS_PASSWORDS_FILE: '/nowhere' }],
    ['NATS_PASSWORDS_FILE is wrong', { NATS_URL: 'nats://127.0.0.1', NATS_PASSWORDS_FILE: '/nowhere' }],
    ['NATS_URL has credentials', { NATS_URL: 'nats://u:p@127.0.0.1', NATS_PASSWORDS_FILE: '/nowhere' }],
    ['NATS_URL is wrong', { NATS_URL: 'ws://127.0.0.1' }],
    ['NATS_URL_GUARD is wrong', { ...three('nats://127.0.0.1'), NATS_URL_GUARD: 'nats://h/path' }],
    ['NATS_URL_TOKENS: cannot connect', { ...three('nats://127.0.0.1:1'), NATS_URL_IDENTITY: 'ours' }],
    ['NATS_URL: cannot connect to NATS at 127.0.0.1:1, 127.0.0.1:2', { NATS_URL: 'nats://127.0.0.1:1,127.0.0.1:2' }],
    ['DATABASE_URL is wrong: sslmode=prefer', { DATABASE_URL: 'postgres://h/db?sslmode=prefer' }],
    ['DATABASE_URL: cannot connect', { DATABASE_URL: 'postgres://u:p@[::1]:1/db' }],
    ['DATABASE_URL_FILE is wrong', { DATABASE_URL: '', DATABASE_URL_FILE: '/nowhere' }],
  ])('%s: names what is wrong', async (message, env) => {
    const given = Object.fromEntries(
      Object.entries(env).map(([name, value]) => [name, value === 'ours' ? nats.urls.identity : value]),
    );
    await expect(start(given)).rejects.toThrow(message);
  });

  describe('of an owner who may not make roles', () => {
    let superuser: pg.Client;
    let owner: string;
    let prefix: string;
    let ownersUrl: string;

    beforeEach(async () => {
      superuser = new pg.Client(database.url);
      await superuser.connect();
      [owner, prefix] = [`owner_${generateSecret()}`, `own_${generateSecret().slice(0, 9)}`];
      await superuser.query(`CREATE ROLE ${owner} LOGIN PASSWORD 'x' NOCREATEROLE`);
      await superuser.query(`ALTER DATABASE ${new URL(database.url).pathname.slice(1)} OWNER TO ${owner}`);
      const url = new URL(database.url);
      [url.username, url.password] = [owner, 'x'];
      ownersUrl = url.href;
    });
    afterEach(async () => {
      await system?.stop();
      system = undefined;
      await superuser.end();
      await database.drop();
      const server = new pg.Client(process.env.TEST_DATABASE_URL);
      await server.connect();
      await server.query(`DROP ROLE IF EXISTS ${owner}, ${prefix}_identity, ${prefix}_tokens`);
      await server.end();
    });
    const environment = () => {
      const { identity, tokens, guard } = nats.urls;
      const urls = { NATS_URL_IDENTITY: identity, NATS_URL_TOKENS: tokens, NATS_URL_GUARD: guard };
      return { ...urls, DATABASE_URL: ownersUrl, DATABASE_ROLE_PREFIX: prefix };
    };

    it('says what to run, and uses the roles when they are there, by names of one’s own', async () => {
      await expect(start(environment())).rejects.toThrow(
        `DATABASE_URL: ${owner} may not make the role ${prefix}_identity. As a superuser, run: CREATE ROLE ${prefix}_identity NOLOGIN; GRANT ${prefix}_identity TO ${owner};`,
      );
      for (const part of ['identity', 'tokens']) {
        await superuser.query(`CREATE ROLE ${prefix}_${part} NOLOGIN`);
        if (part === 'identity') continue;
        await superuser.query(`GRANT ${prefix}_${part} TO ${owner}`);
      }
      await expect(start(environment())).rejects.toThrow(`GRANT ${prefix}_identity TO ${owner}; Or, where`);
      await superuser.query(`GRANT ${prefix}_identity TO ${owner}`);
      await start(environment());
      await logIn();
      const { rows } = await superuser.query(
        `SELECT has_table_privilege($1, 'identity.users', 'SELECT') AS own,
           (SELECT bool_or(has_schema_privilege(oid, 'identity', 'USAGE')) FROM pg_roles WHERE rolname = 'tokenlog_identity') AS others`,
        [`${prefix}_identity`],
      );
      expect(rows[0].own).toBe(true);
      expect(rows[0].others).not.toBe(true);
      await system?.stop();
      await expect(start({ ...environment(), DATABASE_ROLE_PREFIX: '' })).rejects.toThrow(
        /^DATABASE_(ROLE_PREFIX|URL)/,
      );
    });
  });
});

function three(url: string): Record<string, string> {
  return { NATS_URL_IDENTITY: url, NATS_URL_TOKENS: url, NATS_URL_GUARD: url };
}
