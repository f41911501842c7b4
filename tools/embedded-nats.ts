import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join, relative, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findNatsServer } from './nats-server.js';
import { probeNats } from './nats-watch.js';
import { root } from './paths.js';
import { writePrivately } from './private-file.js';
import { end, identify, processesIn, start } from './processes.js';

/** The users of deploy/nats-server.conf. */
export const natsUsers = ['identity', 'tokens', 'guard', 'observer'] as const;
export type NatsUser = (typeof natsUsers)[number];

export type NatsOptions = {
  /** JetStream's folder. */
  dataDir: string;
  passwords: Record<NatsUser, string>;
  /** The server's configuration. Default: deploy/nats-server.conf. */
  configuration?: string;
  /** Default: any free one. */
  port?: number;
  /** False where there is no space for it: the server then serves the rest. Default: true. */
  jetstream?: boolean;
  /** Where the server's own log goes. Default: `<dataDir>.log`. */
  logFile?: string;
  /** Where `NATS_SERVER_BIN`, PATH and the cache are looked up. Default: this process' own. */
  env?: NodeJS.ProcessEnv;
  /** Told what is being done when it may take a while. */
  output?: (line: string) => void;
};

export type Nats = {
  pid: number;
  /** Without credentials. */
  url: string;
  port: number;
  /** With the credentials of each user. */
  urls: Record<NatsUser, string>;
  /** Whether it does its work; see `probeNats`. */
  probe(): Promise<void>;
  /** Stops the server. Calling it again is harmless. */
  stop(graceMs?: number): Promise<void>;
  /** Resolves when the server has gone, wanted or not. */
  exited: Promise<undefined>;
};

const READY_MS = 20_000;

/**
 * Starts nats-server with JetStream on the loopback address, by its configuration, ending what a killed start left
 * running on the same folder.
 * @throws Error with the last lines of the server's log when it does not start
 */
export async function startNats(options: NatsOptions): Promise<Nats> {
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  const dataDir = await realpath(options.dataDir);
  const logFile = options.logFile ?? `${dataDir}.log`;
  const file = await findNatsServer({ env: options.env, output: options.output });
  await end(processesIn(dataDir, 'nats-server'), ['SIGTERM'], 5_000);
  await removePortFiles(dataDir);

  const { jetstream = true } = options;
  const configuration = options.configuration ?? join(root, 'deploy', 'nats-server.conf');
  const started = await writeConfigurations(dataDir, configuration, jetstream);
  const args = ['-c', started, '-a', '127.0.0.1', '-p', String(options.port ?? -1)];
  // Port -1 lets the server choose; the file that it writes then says what it chose.
  if (options.port === undefined) args.push('--ports_file_dir', dataDir);
  const log = openSync(logFile, 'a', 0o600);
  const child = start(
    { file, args, whenOrphaned: 'SIGTERM' },
    {
      cwd: dataDir,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...natsEnvironment(options.passwords) },
    },
  );
  closeSync(log);
  let running = true;
  const exited = new Promise<undefined>((ended) => {
    const gone = () => {
      running = false;
      ended(undefined);
    };
    child.once('exit', gone);
    child.once('error', gone);
  });

  const findPort = async () => options.port ?? (await readPort(dataDir, child.pid));
  const port = await waitUntilReady(findPort, jetstream, () => running).catch((error: Error) => {
    child.kill('SIGKILL');
    const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-4).join('\n');
    throw new Error(`nats-server (${file}) does not start: ${error.message}\n${lines}`);
  });

  const url = (user: NatsUser) => `nats://${user}:${options.passwords[user]}@127.0.0.1:${port}`;
  return {
    pid: child.pid ?? 0,
    url: `nats://127.0.0.1:${port}`,
    port,
    urls: Object.fromEntries(natsUsers.map((user) => [user, url(user)])) as Record<NatsUser, string>,
    exited,
    probe: () => probeNats({ url: url('tokens'), dataDir, jetstream }),
    stop: async (graceMs = 10_000) => {
      const identity = running && child.pid ? identify(child.pid) : undefined;
      if (identity) await end([identity], ['SIGTERM'], graceMs);
      await exited;
      await removePortFiles(dataDir);
    },
  };
}

/** The variables that deploy/nats-server.conf reads. */
export function natsEnvironment(passwords: Record<NatsUser, string>): Record<string, string> {
  return Object.fromEntries(natsUsers.map((user) => [`NATS_${user.toUpperCase()}_PASSWORD`, passwords[user]]));
}

async function removePortFiles(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir))
    if (name.endsWith('.ports')) await rm(join(dataDir, name), { force: true });
}

/**
 * Writes what the server is started with: the configuration, and JetStream's folder, which it takes no SIGHUP with when it
 * stands on the command line; and the same with JetStream off, for when there is no space to write anything.
 * @returns the one to start with
 */
async function writeConfigurations(dataDir: string, configuration: string, jetstream: boolean): Promise<string> {
  // A path is taken from the including file's folder; of two that set the same, the later one counts.
  const include = `include ${JSON.stringify(relative(dirname(dataDir), resolve(configuration)))}`;
  const files = { on: `${dataDir}.jetstream-on.conf`, off: `${dataDir}.jetstream-off.conf` };
  if (!jetstream && existsSync(files.off)) return files.off;
  await writePrivately(files.on, `${include}\njetstream { store_dir: ${JSON.stringify(dataDir)} }\n`);
  await writePrivately(files.off, `${include}\njetstream: false\n`);
  return jetstream ? files.on : files.off;
}

async function waitUntilReady(
  findPort: () => Promise<number | undefined>,
  jetstream: boolean,
  isAlive: () => boolean,
): Promise<number> {
  const deadline = performance.now() + READY_MS;
  while (performance.now() < deadline) {
    if (!isAlive()) throw new Error('it stopped at once; its last lines:');
    const port = await findPort();
    if (port !== undefined && (await greets(port, jetstream))) return port;
    await delay(20);
  }
  throw new Error(`not ready after ${READY_MS / 1000} s; its last lines:`);
}

async function readPort(dataDir: string, pid: number | undefined): Promise<number | undefined> {
  const name = (await readdir(dataDir)).find((file) => file.endsWith(`_${pid}.ports`));
  if (!name) return undefined;
  try {
    const ports = JSON.parse(await readFile(join(dataDir, name), 'utf8')) as { nats?: string[] };
    return ports.nats?.[0] ? Number(new URL(ports.nats[0]).port) : undefined;
  } catch {
    // Half written.
    return undefined;
  }
}

/** Whether the server sends its first line, with JetStream on where it should be. */
function greets(port: number, jetstream: boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 1_000 });
    const answer = (value: boolean) => {
      socket.destroy();
      resolve(value);
    };
    socket.once('data', (chunk) => answer(chunk.includes(jetstream ? '"jetstream":true' : 'INFO ')));
    socket.once('error', () => answer(false));
    socket.once('timeout', () => answer(false));
  });
}
