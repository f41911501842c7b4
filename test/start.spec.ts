import { readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { eventually } from './support/eventually.js';
import { testFolder } from './support/folder.js';
import { freePorts, processesOf, type Started, startTokenlog } from './support/started.js';

type Run = Started & { env: Record<string, string> };
const runs: Run[] = [];

function start(env: Record<string, string>): Run {
  const run = { ...startTokenlog(env), env };
  runs.push(run);
  return run;
}

async function newEnvironment(): Promise<Record<string, string>> {
  return { ...(await freePorts()), DATA_DIR: await testFolder('data') };
}

async function untilItRuns(run: Run): Promise<string> {
  let code: number | null | undefined;
  void run.exited.then((exitCode) => {
    code = exitCode;
  });
  await eventually(() => run.output().includes('Ctrl-C stops everything.') || code !== undefined, {
    timeoutMs: 90_000,
  });
  if (code !== undefined) throw new Error(`It ended with ${code}:\n${run.output()}`);
  return run.output();
}

async function stop(run: Run, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  run.process.kill(signal);
  return run.exited;
}

const passwordIn = (output: string) => /first admin +admin +(\S+) +\(shown this once\)/.exec(output)?.[1];

async function logIn(run: Run, password: string | undefined): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${run.env.IDENTITY_PORT}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password }),
  });
  return answer.status;
}

/** One after the other on one data directory, for the tests that need no new one. */
let shared: Run | undefined;
let sharedEnv: Record<string, string>;
/** The admin's, as its first start shows it. */
let password: string | undefined;

beforeAll(async () => {
  sharedEnv = await newEnvironment();
});

/** A run of it that is up: the one that there is, or a new one. */
async function running(): Promise<Run> {
  if (!shared || hasEnded(shared)) {
    shared = start(sharedEnv);
    password = passwordIn(await untilItRuns(shared)) ?? password;
    await noted(sharedEnv);
  }
  return shared;
}

const hasEnded = (run: Run) => run.process.exitCode !== null || run.process.signalCode !== null;

/** That the password was shown is noted after it was printed: until then, another start makes another. */
const noted = (env: Record<string, string>) =>
  eventually(async () =>
    expect(JSON.parse(await readFile(join(env.DATA_DIR ?? '', 'secrets.json'), 'utf8'))).toMatchObject({
      adminUntold: false,
    }),
  );

async function end(ended: readonly Run[]): Promise<void> {
  for (const run of ended) if (!hasEnded(run)) await stop(run);
  for (const run of ended) await eventually(() => processesOf(run.env.DATA_DIR ?? '').length === 0);
}

afterEach(async () => {
  const kept = runs.filter((run) => run.env.DATA_DIR === sharedEnv.DATA_DIR);
  await end(runs.splice(0).filter((run) => !kept.includes(run)));
  runs.push(...kept);
});
afterAll(() => end(runs.splice(0)));

test('the first start prints the admin’s password, the second does not, and the data is kept', async () => {
  const first = await running();
  expect(passwordIn(first.output())).toBeDefined();
  expect(await logIn(first, password)).toBe(200);
  expect(await stop(first)).toBe(0);
  expect(processesOf(sharedEnv.DATA_DIR ?? '')).toEqual([]);

  const second = await running();
  const output = second.output();
  expect(output).not.toMatch(/first admin|shown this once/);
  expect(output).not.toContain(password);
  expect(await logIn(second, password)).toBe(200);
  for (const service of ['IDENTITY_PORT', 'TOKENS_PORT', 'EXAMPLE_PORT']) {
    expect((await fetch(`http://127.0.0.1:${sharedEnv[service]}/health/ready`)).status).toBe(200);
  }
});

test('secrets and logs are their owner’s alone', async () => {
  const { env } = await running();
  const mode = async (path: string) => ((await stat(join(env.DATA_DIR ?? '', path))).mode & 0o777).toString(8);
  expect([await mode('secrets.json'), await mode('guard.env'), await mode('logs')]).toEqual(['600', '600', '700']);
  expect(await readFile(join(env.DATA_DIR ?? '', 'guard.env'), 'utf8')).toMatch(
    /^NATS_URL=nats:\/\/guard:\w+@127\.0\.0\.1:\d+\n$/,
  );
});

test('a second start on the same data says so and exits with 1; the first goes on', async () => {
  const first = await running();
  const second = start({ ...(await freePorts()), DATA_DIR: first.env.DATA_DIR ?? '' });
  expect(await second.exited).toBe(1);
  expect(second.output()).toMatch(/^DATA_DIR: \S+ is in use by process \d+: .*\n$/);
  expect((await fetch(`http://127.0.0.1:${first.env.IDENTITY_PORT}/health/ready`)).status).toBe(200);
});

test('a service that dies is started again', async () => {
  const run = await running();
  const [line] = processesOf(run.env.DATA_DIR ?? '').filter((command) => command.includes('apps/tokens/main.js'));
  process.kill(Number(line?.split(' ')[0]), 'SIGKILL');
  await eventually(() => run.output().includes('tokens ended unexpectedly'));
  await eventually(async () => (await fetch(`http://127.0.0.1:${run.env.TOKENS_PORT}/health/ready`)).ok, {
    timeoutMs: 30_000,
  });
});

test('a start that was killed is recovered by the next one, with its data', async () => {
  await stop(await running(), 'SIGKILL');
  expect(await logIn(await running(), password)).toBe(200);
});

test('Ctrl-C stops everything and leaves no process', async () => {
  const run = await running();
  expect(processesOf(run.env.DATA_DIR ?? '').length).toBeGreaterThanOrEqual(5);
  expect(await stop(run, 'SIGINT')).toBe(0);
  expect(processesOf(run.env.DATA_DIR ?? '')).toEqual([]);
});

test('Ctrl-C in the middle of a start leaves no process', async () => {
  const run = start(await newEnvironment());
  await eventually(() => processesOf(run.env.DATA_DIR ?? '').length > 1);
  expect(await stop(run, 'SIGINT')).toBe(130);
  expect(processesOf(run.env.DATA_DIR ?? '')).toEqual([]);
});

test('a start that was killed while it made the data directory is recovered by the next one', async () => {
  const env = await newEnvironment();
  const killed = start(env);
  await eventually(() => stat(join(env.DATA_DIR ?? '', 'postgres.unfinished')));
  await stop(killed, 'SIGKILL');
  expect(passwordIn(await untilItRuns(start(env)))).toBeDefined();
});

describe('one line, exit code 1, nothing left running:', () => {
  async function refused(env: Record<string, string>): Promise<string> {
    const run = start(env);
    expect(await run.exited).toBe(1);
    expect(processesOf(env.DATA_DIR ?? '')).toEqual([]);
    expect(run.output().trimEnd().split('\n')).toHaveLength(1);
    return run.output();
  }

  test('a taken port', async () => {
    const env = await newEnvironment();
    const other = createServer().listen(Number(env.TOKENS_PORT));
    try {
      expect(await refused(env)).toContain(`TOKENS_PORT ${env.TOKENS_PORT} is taken`);
    } finally {
      other.close();
    }
  });

  test.each([
    ['IDENTITY_PORT', 'http'],
    ['IDENTITY_PORT', '70000'],
    ['POLICY_CREATE', 'everyone'],
    ['POLICY_ON_PASSWORD_CHANGE', 'shrug'],
    ['POLICY_MAX_LIFETIME_DAYS', 'long'],
    ['NATS_SERVER_BIN', '/nowhere/nats-server'],
    ['DATABASE_URL', 'postgres://nobody:x@127.0.0.1:1/nothing'],
    ['NATS_URL', 'nats://127.0.0.1:1'],
    ['BIND_ADDRESS', '192.0.2.1'],
    ['BIND_ADDRESS', 'everywhere'],
    ['DATABASE_ROLE_PREFIX', 'No Name'],
    ['ADMIN_PASSWORD_FILE', '/nowhere/password'],
    ['TOKEN_PEPPERS_RETIRED', 'a pepper, with a comma in it'],
  ])('%s=%s', async (variable, value) => {
    expect(await refused({ ...(await newEnvironment()), [variable]: value })).toContain(variable);
  });

  test('DATA_DIR that is a file, or lies in one, or where nothing can be made', async () => {
    const folder = await testFolder('file');
    await writeFile(join(folder, 'file'), '');
    for (const DATA_DIR of [join(folder, 'file'), join(folder, 'file', 'data'), '/proc/data']) {
      expect(await refused({ ...(await freePorts()), DATA_DIR })).toMatch(
        /^DATA_DIR: .* set DATA_DIR to another folder\.\n$/,
      );
    }
  });

  test.each([
    ['postgres.port', ''],
    ['postgres.port', '99999'],
    ['nats.port', '5432 5433'],
  ])('%s that holds %j', async (name, text) => {
    if (shared === undefined || !hasEnded(shared)) await stop(await running());
    const file = join(sharedEnv.DATA_DIR ?? '', name);
    const right = await readFile(file, 'utf8');
    await writeFile(file, text);
    expect(await refused(sharedEnv)).toMatch(/^DATA_DIR: .*\.port holds no port \(1 to 65535\)\. Remove it/);
    await writeFile(file, right);
  });
});
