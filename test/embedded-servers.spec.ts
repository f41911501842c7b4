import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { processesIn } from '../tools/processes.js';
import { newDataDir } from './support/data-dir.js';
import { eventually } from './support/eventually.js';
import { ADMIN_PASSWORD, expectProblem, PASSWORD, WholeSystem } from './support/whole-system.js';

const LONG = { timeoutMs: 80_000 };
const MINUTES = 300_000;
/** How long they may not answer, instead of the twelve seconds of an `npm start`. */
const PATIENCE_MS = 4_000;

describe('the servers of npm start', () => {
  let folder: string;
  let whole: WholeSystem;
  const lines: string[] = [];

  beforeAll(async () => {
    folder = await newDataDir('embedded');
    whole = await WholeSystem.startIn(folder, {}, { output: (line) => lines.push(line), patienceMs: PATIENCE_MS });
  });
  beforeEach(() => lines.splice(0));
  afterAll(() => whole?.stop());

  const logsIn = async () => void (await whole.logIn('admin', ADMIN_PASSWORD));
  const ready = async () => {
    for (const service of ['identity', 'tokens', 'example'] as const) {
      expect((await fetch(`${whole.system[service].url}/health/ready`)).status).toBe(200);
    }
  };
  const secrets = async () => JSON.parse(await readFile(join(folder, 'secrets.json'), 'utf8'));
  const as = async (name: 'identity' | 'tokens') => {
    const url = new URL(whole.system.databaseUrl);
    url.username = name;
    url.password = (await secrets()).databasePasswords[name];
    const client = new Client(url.href);
    await client.connect();
    return client;
  };

  it(
    'give each service a login that has its role’s grants and no more',
    async () => {
      const owner = new Client(whole.system.databaseUrl);
      await owner.connect();
      const { rows } = await owner.query<{ login: string }>(
        `SELECT DISTINCT usename AS login FROM pg_stat_activity
       WHERE application_name LIKE 'tokenlog-%' AND application_name <> 'tokenlog-migrations' ORDER BY 1`,
      );
      expect(rows.map(({ login }) => login)).toEqual(['identity', 'tokens']);
      await owner.end();
      for (const [name, other] of [['identity', 'tokens.secrets'] as const, ['tokens', 'identity.users'] as const]) {
        const client = await as(name);
        const role = await client.query(
          `SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls AS more,
           ARRAY(SELECT roleid::regrole::text FROM pg_auth_members WHERE member = pg_roles.oid) AS roles
         FROM pg_roles WHERE rolname = session_user`,
        );
        expect(role.rows).toEqual([{ more: false, roles: [`tokenlog_${name}`] }]);
        for (const statement of [
          `SELECT * FROM ${other}`,
          `DELETE FROM ${name}.events`,
          `ALTER TABLE ${name}.events DISABLE TRIGGER ALL`,
          `SET ROLE tokenlog_${name === 'tokens' ? 'identity' : 'tokens'}`,
          'CREATE ROLE another',
        ]) {
          await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' });
        }
        await client.end();
      }
    },
    MINUTES,
  );

  it(
    'have nothing in their log of what was entered where it is refused',
    async () => {
      const json = { username: 'taken', email: 'somebody@example.org', password: PASSWORD };
      await whole.register('taken');
      expectProblem(await whole.identity('POST', '/users', { as: whole.admin, json }), 409, 'username-taken');
      const log = await readFile(join(whole.system.logDir, 'postgres.log'), 'utf8');
      expect(log).toContain('users_folded_username');
      for (const entered of ['argon2', 'somebody@', 'taken', 'STATEMENT', 'DETAIL']) expect(log).not.toContain(entered);
    },
    MINUTES,
  );

  it(
    'are started again when they live and do not answer: nats-server',
    async () => {
      const pid = whole.system.pid('nats') ?? 0;
      process.kill(pid, 'SIGSTOP');
      await eventually(() => expect(lines.join('\n')).toContain('nats-server lives and does not answer'), LONG);
      await eventually(ready, LONG);
      expect(whole.system.pid('nats')).not.toBe(pid);
      await eventually(logsIn, LONG);
    },
    MINUTES,
  );

  it(
    'are started again when they live and do not answer: PostgreSQL',
    async () => {
      const pid = whole.system.pid('postgres') ?? 0;
      for (const each of processesIn(join(folder, 'postgres'), 'postgres')) process.kill(each.pid, 'SIGSTOP');
      await eventually(() => expect(lines.join('\n')).toContain('PostgreSQL lives and does not answer'), LONG);
      await eventually(ready, LONG);
      expect(whole.system.pid('postgres')).not.toBe(pid);
      await eventually(logsIn, LONG);
    },
    MINUTES,
  );

  it(
    'are missed only when somebody else stopped them',
    async () => {
      await whole.system.kill('nats', 'SIGSTOP');
      await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS + 5_000));
      await whole.system.kill('nats', 'SIGCONT');
      await eventually(ready, LONG);
      expect(lines.filter((line) => line.startsWith('nats-server'))).toEqual([]);
    },
    MINUTES,
  );

  it(
    'are waited for: a service that is started while no connection is free comes up when one is',
    async () => {
      const owner = new Client(whole.system.databaseUrl);
      await owner.connect();
      await owner.query('ALTER ROLE identity CONNECTION LIMIT 0');
      await owner.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'identity'`);
      process.kill(whole.system.pid('identity') ?? 0, 'SIGKILL');
      const waits = async () => readFile(join(whole.system.logDir, 'identity.log'), 'utf8');
      await eventually(async () => expect(await waits()).toContain('is waited for'), LONG);
      await owner.query('ALTER ROLE identity CONNECTION LIMIT -1');
      await owner.end();
      await eventually(ready, LONG);
      expect(lines.filter((line) => line.includes('starting it again'))).toHaveLength(1);
    },
    MINUTES,
  );
});
