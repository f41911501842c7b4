import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { embeddedUrl } from '../tools/embedded-postgres.js';
import { root } from '../tools/paths.js';
import { newDataDir } from './support/data-dir.js';
import { eventually } from './support/eventually.js';
import { testFolder } from './support/folder.js';
import { freePorts, processesOf, type Started, startTokenlog } from './support/started.js';

type Environment = Record<string, string>;
const runs: { run: Started; env: Environment }[] = [];

async function untilItRuns(env: Environment): Promise<Started> {
  const run = startTokenlog(env);
  runs.push({ run, env });
  let code: number | null | undefined;
  void run.exited.then((exitCode) => {
    code = exitCode;
  });
  await eventually(() => run.output().includes('Ctrl-C stops everything.') || code !== undefined, {
    timeoutMs: 80_000,
  });
  if (code !== undefined) throw new Error(`It ended with ${code}:\n${run.output()}`);
  return run;
}

async function stop(run: Started, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  run.process.kill(signal);
  await run.exited;
}

afterEach(async () => {
  const ended = runs.splice(0);
  for (const { run } of ended) {
    if (run.process.exitCode === null && run.process.signalCode === null) await stop(run);
  }
  for (const { env } of ended) await eventually(() => processesOf(env.DATA_DIR ?? '').length === 0);
});

const newEnvironment = async (dataDir = newDataDir('admin')): Promise<Environment> => ({
  ...(await freePorts()),
  DATA_DIR: await dataDir,
});
const passwordIn = (output: string) => /first admin +admin +(\S+) +\(shown this once\)/.exec(output)?.[1];

async function logIn(env: Environment, password: string | undefined): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${env.IDENTITY_PORT}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password }),
  });
  return answer.status;
}

function setPassword(env: Environment, ...args: string[]) {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [join(root, 'dist', 'tools', 'admin-password.js'), ...args],
    { env: { ...process.env, ...env }, encoding: 'utf8', cwd: root },
  );
  return { stdout, stderr, status };
}

test('a first start that is killed once it has made the admin leaves none whose password nobody is told', async () => {
  const env = await newEnvironment(testFolder('admin'));
  const folder = env.DATA_DIR ?? '';
  const first = startTokenlog(env);
  runs.push({ run: first, env });
  await eventually(
    async () => {
      const { postgresPassword } = JSON.parse(await readFile(join(folder, 'secrets.json'), 'utf8'));
      const port = Number(await readFile(join(folder, 'postgres.port'), 'utf8'));
      const client = new pg.Client(embeddedUrl(postgresPassword, port, 'tokenlog'));
      try {
        await client.connect();
        expect((await client.query('SELECT FROM identity.users')).rowCount).toBe(1);
      } finally {
        await client.end();
      }
    },
    { timeoutMs: 80_000 },
  );
  await stop(first, 'SIGKILL');
  expect(passwordIn(first.output())).toBeUndefined();

  const second = await untilItRuns(env);
  const password = passwordIn(second.output());
  expect(await logIn(env, password)).toBe(200);
  await stop(second);
  const third = await untilItRuns(env);
  expect(passwordIn(third.output())).toBeUndefined();
  expect(await logIn(env, password)).toBe(200);
});

test('ADMIN_PASSWORD counts until somebody has logged in; then it is said that it does not, and how to set it', async () => {
  const env = await newEnvironment();
  await stop(await untilItRuns(env));
  const file = join(env.DATA_DIR ?? '', 'password');
  await writeFile(file, 'a-password-of-my-own\n');
  const second = await untilItRuns({ ...env, ADMIN_PASSWORD_FILE: file });
  expect(second.output()).toContain('the password given in ADMIN_PASSWORD');
  expect(await logIn(env, 'a-password-of-my-own')).toBe(200);
  await stop(second);

  const third = await untilItRuns({ ...env, ADMIN_PASSWORD: 'a-password-of-my-own' });
  expect(third.output()).not.toContain('is not used');
  await stop(third);
  const fourth = await untilItRuns({ ...env, ADMIN_PASSWORD: 'another-password' });
  expect(fourth.output()).toMatch(/^ADMIN_PASSWORD is not used: .* npm run admin:password$/m);
  expect(await logIn(env, 'another-password')).toBe(401);

  // While it runs, and while it does not.
  expect(setPassword({ ...env, ADMIN_PASSWORD: 'another-password\n' })).toEqual({
    stdout: 'admin has the password of ADMIN_PASSWORD now.\n',
    stderr: '',
    status: 0,
  });
  expect(await logIn(env, 'another-password')).toBe(200);
  await stop(fourth);
  const { stdout } = setPassword(env, 'ADMIN');
  const made = /^admin has the password (\S+) now, to be changed at the next login\.\n$/.exec(stdout)?.[1];
  expect(processesOf(env.DATA_DIR ?? '')).toEqual([]);
  expect(setPassword(env, 'nobody')).toEqual({ stdout: '', stderr: 'There is no user nobody.\n', status: 1 });
  await untilItRuns(env);
  expect(await logIn(env, made)).toBe(200);
}, 180_000);

test('npm start listens where it says, and on this machine alone if nothing else is said', async () => {
  const env = await newEnvironment();
  const reach = (address: string) =>
    fetch(`http://${address}:${env.TOKENS_PORT}/health/live`).then(
      ({ status }) => status,
      () => 'refused',
    );
  const first = await untilItRuns(env);
  for (const name of ['IDENTITY_PORT', 'TOKENS_PORT', 'EXAMPLE_PORT']) {
    expect(first.output()).toContain(`http://127.0.0.1:${env[name]}`);
  }
  expect([await reach('127.0.0.1'), await reach('127.0.0.2')]).toEqual([200, 'refused']);
  const ports = await Promise.all(
    ['postgres', 'nats'].map((name) => readFile(join(env.DATA_DIR ?? '', `${name}.port`), 'utf8')),
  );
  expect(ports.map(Number)).not.toContain(5432);
  expect(ports.map(Number)).not.toContain(4222);
  await stop(first);

  const second = await untilItRuns({ ...env, BIND_ADDRESS: '127.0.0.2' });
  expect(second.output()).toContain(`http://127.0.0.2:${env.TOKENS_PORT}`);
  expect([await reach('127.0.0.1'), await reach('127.0.0.2')]).toEqual(['refused', 200]);
  await stop(second);

  const third = await untilItRuns({ ...env, BIND_ADDRESS: '0.0.0.0' });
  expect(third.output()).toContain(`http://0.0.0.0:${env.TOKENS_PORT}`);
  expect([await reach('127.0.0.1'), await reach('127.0.0.2')]).toEqual([200, 200]);
}, 180_000);
