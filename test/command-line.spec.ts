import { spawn } from 'node:child_process';
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { connect } from '@nats-io/transport-node';
import { root } from '../tools/paths.js';
import { choosePort } from '../tools/ports.js';
import { type System, startSystem } from '../tools/system.js';
import { newDataDir } from './support/data-dir.js';
import { testFolder } from './support/folder.js';

const ADMIN_PASSWORD = 'command-line-admin';
const PASSWORD = 'lovelace-1843';
const DAY_MS = 86_400_000;
const SECRET = /^tkl_[0-9a-f]{32}_[0-9A-Za-z]{49}$/;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

describe('tokenlog on the command line, as a process, against a whole system', () => {
  let system: System;
  /** Ada's and the admin's own configuration folders: each has logged in. */
  let ada: string;
  let admin: string;

  beforeAll(async () => {
    const env = { ...process.env, ADMIN_PASSWORD, DATABASE_URL: '', NATS_URL: '' };
    system = await startSystem({ dataDir: await newDataDir('command-line'), ports: 'free', fsync: false, env });
    [ada, admin] = [await testFolder('ada'), await testFolder('admin')];

    await expectDone(run(['login', '--username', 'admin', '--password-stdin'], admin, `${ADMIN_PASSWORD}\n`));
    const create = ['admin', 'users', 'create', 'ada', '--name', 'Ada Lovelace', '--password-stdin', '--id-only'];
    await expectDone(run(create, admin, 'initial-password\n'));
    const { stderr } = await expectDone(run(['login', '-u', 'ada', '--password-stdin'], ada, 'initial-password'));
    expect(stderr).toContain('tokenlog password change');
    await expectDone(run(['password', 'change', '--password-stdin'], ada, `initial-password\n${PASSWORD}\n`));
  });
  afterAll(() => system?.stop());

  /** Runs the launcher as a shell would, with nothing of this process' environment but what it needs. */
  function run(args: string[], config: string, stdin = '', more: Record<string, string> = {}): Promise<Ended> {
    const env = {
      PATH: process.env.PATH,
      HOME: config,
      XDG_CONFIG_HOME: config,
      TOKENLOG_IDENTITY_URL: system.identity.url,
      TOKENLOG_TOKENS_URL: system.tokens.url,
      ...more,
    };
    const child = spawn(process.execPath, [join(root, 'apps', 'cli', 'tokenlog.mjs'), ...args], { env });
    child.stdin.on('error', () => {});
    child.stdin.end(stdin);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, stdout, stderr }));
    });
  }

  const withPassword = (...args: string[]) => run([...args, '--password-stdin'], ada, PASSWORD);
  const secretOf = async (...args: string[]) => {
    const { stdout } = await expectDone(withPassword('tokens', 'create', ...args, '--secret-only'));
    expect(stdout.trim()).toMatch(SECRET);
    return stdout.trim();
  };
  const json = async (ended: Promise<Ended>) => JSON.parse((await expectDone(ended)).stdout);
  const use = async (secret: string) =>
    (await fetch(system.example.url, { headers: { authorization: `Bearer ${secret}` } })).status;

  it('keeps the login in a file of mode 0600, and says who is logged in', async () => {
    const file = join(ada, 'tokenlog', 'credentials.json');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, 'utf8')).not.toContain(PASSWORD);

    const { stdout } = await expectDone(run(['whoami'], ada));
    expect(stdout).toMatch(/^User +ada\n/);
    expect(stdout).toMatch(/^Name +Ada Lovelace$/m);
    expect((await json(run(['whoami', '--json'], ada))).user.username).toBe('ada');
  });

  it('S7 S11 creates a token, its text printed once, after the password was entered again', async () => {
    const { stdout } = await expectDone(
      withPassword('tokens', 'create', 'nightly export', '-s', 'rest,reports', '-e', '90d'),
    );
    const secret = /tkl_\w+/.exec(stdout)?.[0] ?? '';
    expect(secret).toMatch(SECRET);
    expect(stdout.split(secret)).toHaveLength(2);
    expect(await use(secret)).toBe(200);

    const { items } = await json(run(['tokens', 'list', '--json', '-q', 'nightly'], ada));
    expect(items).toHaveLength(1);
    expect(items[0].scopes).toEqual(['rest', 'reports']);
    expect(Math.abs(Date.parse(items[0].expiresAt) - Date.now() - 90 * DAY_MS)).toBeLessThan(60_000);
    const list = await expectDone(run(['tokens', 'list', '-q', 'nightly'], ada));
    expect(list.stdout).toMatch(
      /^ID +Description +State +Scopes +Expiry Time +Time Til Expiry +Last Login +Login Count\n/,
    );
    expect(list.stdout).toMatch(/nightly export +active +rest,reports +\S+ \S+Z +89 days .* ago|just now +1$/m);
    expect(list.stdout + (await run(['tokens', 'show', items[0].id], ada)).stdout).not.toContain(secret);
  });

  it('S11 without the password, or with a wrong one, is refused with exit code 4', async () => {
    const asked = await run(['tokens', 'create', 'x'], ada);
    expect(asked).toMatchObject({ code: 4, stdout: '' });
    expect(asked.stderr).toBe(
      'tokenlog: password-required: password: enter your own password again to create a token. ' +
        'Hand it in with --password-stdin.\n',
    );
    const wrong = await run(['tokens', 'create', 'x', '--password-stdin'], ada, 'not-my-password');
    expect(wrong).toMatchObject({ code: 4, stdout: '' });
    expect(wrong.stderr).toMatch(/^tokenlog: \S+: .*\n$/);
  });

  it('S19 S21 refreshes, revokes and tells the history', async () => {
    const first = await secretOf('dashboard', '--scope', 'rest');
    const id = first.slice(0, 36);
    const refreshed = (await expectDone(withPassword('tokens', 'refresh', id, '--secret-only'))).stdout.trim();
    expect(refreshed).toMatch(SECRET);
    expect([await use(first), await use(refreshed)]).toEqual([401, 200]);

    const revoked = await expectDone(withPassword('tokens', 'revoke', id, '--reason', 'lost laptop'));
    expect(revoked.stdout).toMatch(/^Revoked \S+ "dashboard"\. /);
    expect(await use(refreshed)).toBe(401);

    const { stdout } = await expectDone(run(['tokens', 'history', id], ada));
    expect(stdout).toMatch(/^Time +Event +By +From +What\n/);
    expect(stdout).toMatch(/token-revoked +ada +[\d.]+ +reason="lost laptop"/);
    const { items } = await json(run(['tokens', 'history', id, '--all', '--limit', '2', '--json'], ada));
    const types = items.map(({ type }: { type: string }) => type).filter((type: string) => type !== 'token-refused');
    expect(types).toEqual(['token-revoked', 'token-used', 'token-refreshed', 'token-created']);
  });

  it('S18 S22 edits and deletes', async () => {
    const id = (await secretOf('typo', '-s', 'rest')).slice(0, 36);
    const edited = await json(
      run(['tokens', 'edit', id, '-d', 'no typo', '--no-scopes', '-e', 'never', '--json'], ada),
    );
    expect(edited.token).toMatchObject({ description: 'no typo', scopes: [], expiresAt: null });
    expect((await run(['tokens', 'edit', id], ada)).code).toBe(2);
    expect((await run(['tokens', 'delete', id], ada)).code).toBe(2);
    expect((await run(['tokens', 'delete', id, '--yes'], ada)).code).toBe(4);
    await expectDone(withPassword('tokens', 'delete', id, '--yes'));
    expect((await run(['tokens', 'show', id], ada)).code).toBe(5);
  });

  it('prefers the token of the environment, which looks after itself whatever its scopes', async () => {
    const secret = await secretOf('of the environment', '-s', 'rest');
    const self = (args: string[], token: string) => run(['self', ...args], ada, '', { TOKENLOG_TOKEN: `${token}\n` });

    expect((await json(self(['show', '--json'], secret))).token.description).toBe('of the environment');
    // The login of the file would be let through here.
    const refused = await run(['tokens', 'list'], ada, '', { TOKENLOG_TOKEN: secret });
    expect(refused.code).toBe(4);
    expect(refused.stderr).toMatch(/^tokenlog: scope: /);

    const renewed = (await expectDone(self(['refresh', '--secret-only'], secret))).stdout.trim();
    expect(renewed).toMatch(SECRET);
    const superseded = await self(['show', '--json'], secret);
    expect(superseded.code).toBe(3);
    expect(JSON.parse(superseded.stderr)).toMatchObject({ status: 401, code: 'superseded' });

    await expectDone(self(['revoke', '--reason', 'done'], renewed));
    expect((await self(['show'], renewed)).stderr).toBe('tokenlog: revoked: This token was revoked.\n');
  });

  it('S36 shows the admin table, with --all and --id-only for scripts', async () => {
    for (const name of ['one', 'two', 'three']) await secretOf(`page ${name}`, '-s', 'rest');
    const wide = await expectDone(run(['admin', 'tokens', 'list', '--wide', '--user', 'ada', '-q', 'page'], admin));
    expect(wide.stdout.split('\n')[0]?.split(/ {2,}/)).toEqual([
      'ID',
      'User',
      'Description',
      'State',
      'Scopes',
      'Expiry Time',
      'Time Til Expiry',
      'Create Time',
      'Created By',
      'Last Updated',
      'Last Updated By',
      'Last Login',
      'Login Count',
      'Active Sessions',
    ]);
    expect(wide.stdout).toMatch(/ada +page three +active +rest +Never +\S+ \S+Z +ada /);

    const some = await expectDone(run(['admin', 'tokens', 'list', '-q', 'page', '--limit', '2'], admin));
    expect(some.stderr).toMatch(/^2 of 3 are shown\. The rest: --all, or --cursor \S+\n$/);
    const ids = await expectDone(
      run(['admin', 'tokens', 'list', '-q', 'page', '--limit', '2', '--all', '--id-only'], admin),
    );
    expect(ids).toMatchObject({ stdout: expect.stringMatching(/^([0-9a-f-]{36}\n){3}$/), stderr: '' });
  });

  it('finds a user by account name in any case, also where the name has the form of an id, or by id', async () => {
    const name = '5F0C4F0E-6d55-4c0b-8a76-0a5b2f6d7e11';
    const created = await expectDone(run(['admin', 'users', 'create', name, '--id-only'], admin));
    const id = created.stdout.trim();
    for (const reference of [name, name.toLowerCase(), id, `id:${id}`, `name:${name}`]) {
      expect((await json(run(['admin', 'users', 'show', reference, '--json'], admin))).username).toBe(name);
    }
    await expectDone(run(['admin', 'users', 'create', id], admin));
    expect(await run(['admin', 'users', 'delete', id, '--yes'], admin)).toMatchObject({
      stderr: expect.stringContaining('ambiguous-user'),
    });
    for (const reference of [`id:${id}`, `name:${id}`]) {
      await expectDone(run(['admin', 'users', 'delete', reference, '--yes'], admin));
    }
    const { stdout } = await expectDone(run(['admin', 'tokens', 'list', '--user', 'ADA'], admin));
    expect(stdout).toContain('ada');
  });

  it('S10 S30 S31 S42 lets an admin manage users and their tokens', async () => {
    await expectDone(run(['admin', 'users', 'create', 'robot', '--kind', 'application'], admin));
    const create = [
      'admin',
      'tokens',
      'create',
      'of the robot',
      '-u',
      'Robot',
      '-s',
      'rest',
      '--password-stdin',
      '--json',
    ];
    const { token, secret } = await json(run(create, admin, ADMIN_PASSWORD));
    expect(token.user).toBe('robot');
    expect(await use(secret)).toBe(200);

    await expectDone(run(['admin', 'users', 'disable', 'robot'], admin));
    expect(await use(secret)).toBe(401);
    await expectDone(run(['admin', 'users', 'enable', 'robot'], admin));
    expect(await use(secret)).toBe(200);

    const dry = await expectDone(run(['admin', 'users', 'delete', 'robot', '--dry-run'], admin));
    expect(dry.stdout).toMatch(/^1 token: /);
    await expectDone(run(['admin', 'users', 'delete', 'robot', '--yes'], admin));
    expect((await json(run(['admin', 'tokens', 'show', token.id, '--json'], admin))).token.state).toBe('invalid');
    const reassign = ['admin', 'tokens', 'reassign', token.id, '--user', 'ada', '--secret-only'];
    const reassigned = (await expectDone(run([...reassign, '--password-stdin'], admin, ADMIN_PASSWORD))).stdout.trim();
    expect([await use(secret), await use(reassigned)]).toEqual([401, 200]);

    const gone = await run(['admin', 'users', 'show', 'robot'], admin);
    expect(gone).toMatchObject({ code: 5, stderr: 'tokenlog: user-not-found: There is no user robot.\n' });
    expect((await run(['admin', 'users', 'create', 'ADA'], admin)).code).toBe(6);
    expect((await run(['admin', 'users', 'list'], ada)).code).toBe(4);
  });

  it('S12 sets a password for somebody, entering its own', async () => {
    await expectDone(run(['admin', 'users', 'create', 'grace'], admin));
    const passwords = `${ADMIN_PASSWORD}\ncompiler-1952\n`;
    await expectDone(run(['admin', 'users', 'set-password', 'grace', '--password-stdin'], admin, passwords));
    const config = await testFolder('grace');
    await expectDone(run(['login', '-u', 'grace', '--password-stdin'], config, 'compiler-1952'));
    const refused = await run(['tokens', 'list'], config);
    expect(refused.code).toBe(4);
    expect(refused.stderr).toMatch(/^tokenlog: password-change-required: .* Run: tokenlog password change\n$/);
  });

  it('exports the audit page by page, each event once and under one header', async () => {
    const export_ = (...args: string[]) => expectDone(run(['admin', 'audit', '--all', '--limit', '5', ...args], admin));
    const lines = (await export_('--format', 'jsonl')).stdout.trimEnd().split('\n');
    const ids = lines.map((line) => JSON.parse(line).id);
    expect(ids.length).toBeGreaterThan(10);
    expect(new Set(ids).size).toBe(ids.length);
    // Its own verification was not in the log when it was read the first time.
    const csv = (await export_('--format', 'csv', '--type', 'token-created,session-started')).stdout;
    expect(csv.match(/^position,/gm)).toHaveLength(1);
    expect(csv.match(/\r\n/g)?.length).toBeGreaterThan(10);
    const table = await expectDone(run(['admin', 'audit', '--type', 'token-revoked'], admin));
    expect(table.stdout).toMatch(/token-revoked +ada .* reason="lost laptop"/);
  });

  it('S45 shows control characters of names instead of sending them to the terminal', async () => {
    await secretOf('evil \u001b[31mred\u202e');
    const table = (await expectDone(run(['tokens', 'list', '-q', 'evil'], ada))).stdout;
    const body = (await expectDone(run(['tokens', 'list', '-q', 'evil', '--json'], ada))).stdout;
    expect(table).toContain('evil \\u001b[31mred\\u202e');
    for (const text of [table, body]) expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(JSON.parse(body).items[0].description).toBe('evil \u001b[31mred\u202e');
  });

  it('writes no colours into a pipe, even when another program would', async () => {
    const { stdout, stderr } = await run(['tokens', 'list'], ada, '', { TERM: 'xterm-256color' });
    expect(stdout + stderr).not.toContain('\u001b');
  });

  it('ends the session at logout and forgets it', async () => {
    const config = await testFolder('logout');
    await expectDone(run(['login', '-u', 'ada', '--password-stdin'], config, PASSWORD));
    const credential = JSON.parse(await readFile(join(config, 'tokenlog', 'credentials.json'), 'utf8')).credentials[0];
    await expectDone(run(['logout'], config));
    const headers = { authorization: `Bearer ${credential.credential}` };
    expect((await fetch(`${system.identity.url}/me`, { headers })).status).toBe(401);
    expect((await run(['whoami'], config)).code).toBe(3);
  });

  describe('guards', () => {
    const guards = (...args: string[]) =>
      run(['guards', ...args], admin, '', { DATA_DIR: dirname(system.guardEnvFile) });
    const credentialOf = async (name: string) => {
      const file = join(dirname(system.guardEnvFile), 'guards', `${name}.env`);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      return new URL(/^NATS_URL=(.+)$/m.exec(await readFile(file, 'utf8'))?.[1] ?? '');
    };
    const connectAs = ({ host, username, password }: URL) =>
      connect({
        servers: host,
        user: username,
        pass: password,
        inboxPrefix: `_INBOX_${username}`,
        maxReconnectAttempts: 0,
      });

    it('get NATS users of their own while nats-server runs, which are held to their names, and lose them again', async () => {
      const { stdout, stderr } = await expectDone(guards('add', 'reports'));
      expect(stdout).toContain('reports.env');
      expect(stderr).toContain('without a stop');
      const url = await credentialOf('reports');
      expect([url.username, stdout + stderr]).toEqual(['guard-reports', expect.not.stringContaining(url.password)]);
      const nats = await connectAs(url);
      expect((await nats.request('tokens.verify.reports', '{"credential":"x"}')).json()).toMatchObject({
        active: false,
      });
      await expect(nats.request('tokens.verify.other', '{}')).rejects.toThrow(/[Pp]ermissions/);

      await expectDone(guards('add', 'other'));
      const listed = (await json(guards('list', '--json'))).items;
      expect(listed.map(({ name, user, shared }: Record<string, unknown>) => [name, user, shared])).toEqual([
        [null, 'guard', true],
        ['reports', 'guard-reports', false],
        ['other', 'guard-other', false],
      ]);
      expect((await expectDone(guards('list'))).stdout).toMatch(/guard +shared by all that have none of their own/);
      expect((await guards('add', 'reports')).code).toBe(6);

      const ended = nats.closed();
      await expectDone(guards('remove', 'reports'));
      await ended;
      await expect(connectAs(url)).rejects.toThrow(/[Aa]uthorization/);
      await (await connectAs(await credentialOf('other'))).close();
      expect((await guards('remove', 'reports')).code).toBe(5);
    });

    it('are added to the configuration of a nats-server that somebody else runs', async () => {
      const folder = await testFolder('nats-configuration');
      const file = join(folder, 'nats-guards.conf');
      const out = join(folder, 'reports.env');
      const args = ['--config', file, '--nats-url', 'nats://nats.example.org:4222', '--out', out];
      const { stderr } = await expectDone(guards('add', 'reports', ...args));
      expect(stderr).toContain('nats-server --signal reload');
      expect(await readFile(out, 'utf8')).toMatch(/^NATS_URL=nats:\/\/guard-reports:\w+@nats\.example\.org:4222\n$/);
      const text = await readFile(file, 'utf8');
      expect(text).toContain('include "nats-server.conf"');
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      await writeFile(file, 'port: 4222\n');
      expect(await guards('add', 'more', '--config', file)).toMatchObject({ code: 2 });
      expect(await readFile(file, 'utf8')).toBe('port: 4222\n');
    });

    it.each(['', '-x', 'Reports', 'a.b', 'a*', '>', 'a b', 'next', 'tokens', 'x'.repeat(32)])(
      'are not called %j',
      async (name) => {
        expect(await guards('add', '--', name)).toMatchObject({ code: 2, stdout: '' });
      },
    );
  });

  describe('fails with the exit code that scripts rely on', () => {
    it('2: wrong usage', async () => {
      expect((await run(['tokens', 'lst'], ada)).stderr).toContain('Did you mean list?');
      for (const args of [
        [],
        ['tokens', 'lst'],
        ['tokens', 'show', 'nonsense'],
        ['tokens', 'create', 'x', '--expires', 'soon'],
        ['tokens', 'list', '--state', 'nonsense'],
        ['--url', 'ftp://example.org', 'whoami'],
        ['login', '--password', 'x'],
      ]) {
        expect([args, await run(args, ada)]).toEqual([args, expect.objectContaining({ code: 2, stdout: '' })]);
      }
    });

    it('2: a token on the command line, without repeating it', async () => {
      const secret = await secretOf('pasted');
      const { code, stderr } = await run(['tokens', 'show', secret], ada);
      expect(code).toBe(2);
      expect(stderr).toMatch(/^tokenlog: secret-on-command-line: /);
      expect(stderr).not.toContain(secret);
    });

    it('3: not logged in, a wrong password, a token that is none', async () => {
      const empty = await testFolder('empty');
      expect((await run(['tokens', 'list'], empty)).stderr).toMatch(/^tokenlog: not-logged-in: .*tokenlog login/);
      expect((await run(['tokens', 'list'], empty)).code).toBe(3);
      expect((await run(['logout'], empty)).code).toBe(3);
      const wrong = await run(['login', '-u', 'ada', '--password-stdin', '--json'], empty, 'wrong-password');
      expect(wrong).toMatchObject({ code: 3, stdout: '' });
      expect(JSON.parse(wrong.stderr)).toMatchObject({ status: 401, code: 'wrong-credentials' });
      expect((await run(['whoami'], ada, '', { TOKENLOG_TOKEN: 'nonsense' })).code).toBe(3);
    });

    it('5: not found', async () => {
      const id = '01997c9e-2222-7222-8222-222222222222';
      const { code, stderr } = await run(['tokens', 'show', id], ada);
      expect([code, stderr]).toEqual([5, expect.stringMatching(/^tokenlog: token-not-found: .*\n$/)]);
    });

    it('7: too many wrong passwords', async () => {
      await expectDone(run(['admin', 'users', 'create', 'mallory', '--password-stdin'], admin, 'mallorys-password'));
      const empty = await testFolder('mallory');
      let last = await run(['login', '-u', 'mallory', '--password-stdin'], empty, 'guess');
      for (let guesses = 0; last.code === 3 && guesses < 30; guesses++) {
        last = await run(['login', '-u', 'mallory', '--password-stdin'], empty, 'guess');
      }
      expect(last.code).toBe(7);
      expect(last.stderr).toMatch(/^tokenlog: too-many-attempts: .* \d+ s\.\n$/);
    });

    it('8: nobody there', async () => {
      const nowhere = `http://127.0.0.1:${await choosePort()}`;
      const { code, stderr } = await run(['self', 'show', '--tokens-url', nowhere], ada, '', { TOKENLOG_TOKEN: 'x' });
      expect([code, stderr]).toEqual([8, expect.stringContaining(`${nowhere} cannot be reached (ECONNREFUSED)`)]);
      // The login was got from elsewhere: it is not shown to this address.
      expect((await run(['tokens', 'list', '--tokens-url', nowhere], ada)).code).toBe(3);
    });

    it('1: a credentials file that others can read', async () => {
      const config = await testFolder('exposed');
      const file = join(config, 'tokenlog', 'credentials.json');
      await mkdir(join(config, 'tokenlog'));
      await writeFile(file, await readFile(join(ada, 'tokenlog', 'credentials.json')));
      await chmod(file, 0o644);
      const { code, stderr } = await run(['whoami'], config);
      expect([code, stderr]).toEqual([1, expect.stringContaining(`chmod 600 ${file}`)]);
      await chmod(file, 0o600);
      await expectDone(run(['whoami'], config));
    });
  });
});

async function expectDone(ended: Promise<Ended>): Promise<Ended> {
  const { code, stdout, stderr } = await ended;
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}${stdout}`);
  return { code, stdout, stderr };
}
