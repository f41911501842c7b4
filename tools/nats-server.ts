import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, chmod, constants, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { root } from './paths.js';

const run = promisify(execFile);

/** The release that is fetched where none is found; the checksums are of its archives. */
const release = {
  version: '2.12.7',
  archives: {
    'linux-x64': {
      name: 'linux-amd64',
      sha256: '570d2d627db111e679cc1e6bc57ba78f373ed1769acd8dc9c21c8f62d15b3c52',
    },
    'linux-arm64': {
      name: 'linux-arm64',
      sha256: '3b9a79986778285c0e5acaba0b1218b72f6159db68fe5b8916a7d846240f9f22',
    },
  } as Record<string, { name: string; sha256: string }>,
};
const MINIMUM = [2, 9] as const;
/** A try that does not answer must not hold up the next one. In ms. */
const CONNECT_MS = 8_000;
const DOWNLOAD_MS = 90_000;
const APT_MS = 180_000;

export type FindOptions = {
  env?: NodeJS.ProcessEnv;
  /** Told one line before each try that goes over the network, and one for each that fails. */
  output?: (line: string) => void;
};

/**
 * The path of a nats-server program: `NATS_SERVER_BIN`, PATH, what an earlier call fetched, the official release, or
 * Debian's package unpacked without installing it. Several processes may call it at once.
 * @throws Error of one line when there is none and none can be obtained
 */
export async function findNatsServer({ env = process.env, output = () => {} }: FindOptions = {}): Promise<string> {
  if (env.NATS_SERVER_BIN) {
    const version = await versionOf(env.NATS_SERVER_BIN);
    if (version) return env.NATS_SERVER_BIN;
    throw new Error(`NATS_SERVER_BIN: ${env.NATS_SERVER_BIN} is not a nats-server that runs here.`);
  }
  for (const folder of (env.PATH ?? '').split(delimiter)) {
    const file = join(folder, 'nats-server');
    if (folder && (await isProgram(file)) && isRecent(await versionOf(file))) return file;
  }
  const cache = await cacheFolder(env);
  const fetched = join(cache, `nats-server-${release.version}-${process.arch}`);
  const debian = join(cache, `nats-server-debian-${process.arch}`);
  for (const file of [fetched, debian]) if (await isProgram(file)) return file;

  const failures: string[] = [];
  const tries = [
    { name: 'official release', target: fetched, obtain: fetchRelease },
    { name: "Debian's package", target: debian, obtain: unpackDebianPackage },
  ];
  for (const { name, target, obtain } of tries) {
    const folder = await mkdtemp(join(cache, 'fetching-'));
    try {
      const program = await obtain(folder, output);
      await chmod(program, 0o755);
      if (!isRecent(await versionOf(program))) throw new Error('what came does not run here');
      // In one step: others that fetch at the same time put the same thing in the same place.
      await rename(program, target);
      output(`nats-server is kept in ${target}.`);
      return target;
    } catch (error) {
      failures.push(`${name}: ${oneLine(error)}`);
      output(`  not obtained: ${oneLine(error)}`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  throw new Error(
    `There is no nats-server, and none can be obtained (${failures.join('; ')}): install one, or set NATS_SERVER_BIN or NATS_URL.`,
  );
}

async function fetchRelease(folder: string, output: (line: string) => void): Promise<string> {
  const archive = release.archives[`${process.platform}-${process.arch}`];
  if (!archive) throw new Error(`none is pinned for ${process.platform}-${process.arch}`);
  const name = `nats-server-v${release.version}-${archive.name}`;
  const url = `https://github.com/nats-io/nats-server/releases/download/v${release.version}/${name}.tar.gz`;
  output(`Fetching nats-server ${release.version} from ${url}`);
  const file = join(folder, 'archive.tar.gz');
  const content = await download(url);
  const sha256 = createHash('sha256').update(content).digest('hex');
  if (sha256 !== archive.sha256) throw new Error(`its SHA-256 is ${sha256}, not the pinned ${archive.sha256}`);
  await writeFile(file, content);
  await run('tar', ['-xzf', file, '-C', folder, `${name}/nats-server`]);
  return join(folder, name, 'nats-server');
}

async function download(url: string): Promise<Buffer> {
  const aborter = new AbortController();
  let timer = setTimeout(() => aborter.abort(new Error(`no answer in ${CONNECT_MS / 1000} s`)), CONNECT_MS);
  try {
    const response = await fetch(url, { signal: aborter.signal });
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    clearTimeout(timer);
    timer = setTimeout(() => aborter.abort(new Error(`not done in ${DOWNLOAD_MS / 1000} s`)), DOWNLOAD_MS);
    return Buffer.from(await response.arrayBuffer());
  } finally {
    clearTimeout(timer);
  }
}

/** Lists and archives go to a private folder, so that neither root nor the system's own lists are needed. */
async function unpackDebianPackage(folder: string, output: (line: string) => void): Promise<string> {
  if (process.platform !== 'linux' || !(await isOnPath('apt-get')) || !(await isOnPath('dpkg-deb'))) {
    throw new Error('this is no Debian');
  }
  output("Fetching Debian's package of nats-server and unpacking it, without installing it (apt-get download).");
  for (const name of ['lists/partial', 'cache/archives/partial']) await mkdir(join(folder, name), { recursive: true });
  await writeFile(join(folder, 'status'), '');
  const options = {
    'Dir::State::Lists': join(folder, 'lists'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': join(folder, 'cache'),
    'Acquire::Languages': 'none',
    'Acquire::Retries': '1',
    'Acquire::http::Timeout': '15',
    'Acquire::https::Timeout': '15',
    // As root, apt would switch to a user that cannot enter the private folder.
    ...(process.getuid?.() === 0 && { 'APT::Sandbox::User': 'root' }),
  };
  const args = ['-q', ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])];
  const where = {
    cwd: folder,
    timeout: APT_MS,
    maxBuffer: 32 * 1024 * 1024,
    env: { ...process.env, LC_ALL: 'C' },
  };
  await run('apt-get', [...args, 'update'], where);
  await run('apt-get', [...args, 'download', 'nats-server'], where);
  const { stdout } = await run(
    'sh',
    ['-c', 'dpkg-deb -x nats-server_*.deb unpacked && find unpacked -type f -name nats-server -perm -u+x'],
    where,
  );
  const program = stdout.split('\n')[0];
  if (!program) throw new Error('the package holds no program');
  return join(folder, program);
}

/** The user's cache, or where that cannot be written, one beside the dependencies. */
async function cacheFolder(env: NodeJS.ProcessEnv): Promise<string> {
  const folders = [env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), join(root, 'node_modules', '.cache')];
  for (const folder of folders) {
    const cache = join(folder, 'tokenlog');
    try {
      await mkdir(cache, { recursive: true, mode: 0o700 });
      await access(cache, constants.W_OK | constants.X_OK);
      return cache;
    } catch {
      // Try the next one.
    }
  }
  throw new Error(`There is nowhere to keep nats-server: neither ${folders.join(' nor ')} can be written.`);
}

async function isOnPath(name: string): Promise<boolean> {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) if (await isProgram(join(folder, name))) return true;
  return false;
}

async function isProgram(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function versionOf(file: string): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await run(file, ['--version'], { timeout: 10_000 });
    return /nats-server:? v?(\d+\.\d+\.\d+)/.exec(stdout + stderr)?.[1];
  } catch {
    return undefined;
  }
}

/** Older ones lack what the clients ask of JetStream. */
function isRecent(version: string | undefined): boolean {
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  return major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1]);
}

function oneLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const stderr = 'stderr' in error ? String(error.stderr).trim() : '';
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
  const lines = stderr.split('\n').filter((line) => line.startsWith('E:'));
  return lines.at(-1) ?? `${error.message.split('\n')[0]}${cause}`;
}
