import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig } from '@tokenlog/platform/config.js';
import { connectNats } from '@tokenlog/platform/nats.js';
import pg from 'pg';
import { exampleConfig } from '../apps/example-api/config.js';
import { readIdentityConfig } from '../apps/identity/config.js';
import { migrate as migrateIdentity } from '../apps/identity/migrate.js';
import { newPassword } from '../apps/identity/user-view.js';
import { readTokensConfig } from '../apps/tokens/config.js';
import { migrate as migrateTokens } from '../apps/tokens/migrate.js';
import { type DataDir, takeDataDir } from './data-dir.js';
import { type Nats, type NatsUser, natsUsers, startNats } from './embedded-nats.js';
import { type Postgres, startPostgres } from './embedded-postgres.js';
import { BASE_CONFIGURATION, GUARDS_CONFIGURATION, readGuards, writeGuards } from './nats-guards.js';
import { findNatsServer } from './nats-server.js';
import { dist } from './paths.js';
import { choosePort, isFree } from './ports.js';
import { generateSecret, loadSecrets, type Secrets, writePrivately } from './secrets.js';
import { startService } from './service.js';
import { type Part, type Running, Supervised } from './supervise.js';

export const serviceNames = ['identity', 'tokens', 'example'] as const;
export type ServiceName = (typeof serviceNames)[number];
export type PartName = ServiceName | 'nats' | 'postgres';

export type SystemOptions = {
  /** Data, generated secrets and logs; only one system at a time. */
  dataDir: string;
  /** `free` takes any free ones instead of those of `env`. */
  ports?: 'free';
  /** The variables of the contract. Default: this process' own. */
  env?: NodeJS.ProcessEnv;
  /** False for tests only: a crash of the machine would ruin the data. */
  fsync?: boolean;
  /** Told what happens, a line at a time. */
  output?: (line: string) => void;
  /** Told when a part keeps dying, after everything has been stopped. */
  onGiveUp?: (line: string) => void;
  /** Aborted, it stops a start that is under way. */
  signal?: AbortSignal;
};

export type System = Record<ServiceName, { url: string }> & {
  databaseUrl: string;
  natsUrls: Record<NatsUser, string>;
  /** Only where this start made the first admin. */
  firstAdmin?: { username: string; password: string };
  /** The file that holds `NATS_URL` for programs with a guard. */
  guardEnvFile: string;
  logDir: string;
  /** The process id of a part that runs here and is up. */
  pid(part: PartName): number | undefined;
  /** Sends a signal; after one that ends the part, it stays down until `restart`. Resolves when it has gone. */
  kill(part: PartName, signal: NodeJS.Signals): Promise<void>;
  /** Stops the part if it is up, starts it on the same port, and resolves when it is ready. */
  restart(part: PartName): Promise<void>;
  /** Stops services, NATS and PostgreSQL, in this order. */
  stop(): Promise<void>;
  /** The same without asking first; data is recovered by the next start. */
  force(): Promise<void>;
};

/** A start that stops for a reason which the reader can do something about. */
export class StartError extends Error {
  override name = 'StartError';
}

const services: Record<ServiceName, { app: string; variable: string; port: number; nats: NatsUser }> = {
  identity: { app: 'identity', variable: 'IDENTITY_PORT', port: 3001, nats: 'identity' },
  tokens: { app: 'tokens', variable: 'TOKENS_PORT', port: 3002, nats: 'tokens' },
  example: { app: 'example-api', variable: 'EXAMPLE_PORT', port: 3003, nats: 'guard' },
};
const POSTGRES_PORT = 5432;
const NATS_PORT = 4222;
const CONNECT_MS = 10_000;
/** Secrets that only some of the services are given. */
const withheld = [
  'ADMIN_PASSWORD',
  'OIDC_CLIENT_SECRET',
  'SMTP_URL',
  'TOKEN_PEPPER',
  'TOKEN_PEPPERS_RETIRED',
  'DATABASE_URL',
  'NATS_URL',
];

/**
 * Starts a whole system: PostgreSQL and NATS unless the environment names others, migrations, and each service as a
 * process of its own. Resolves when all are ready.
 * @throws StartError when something is wrong that the reader can change, one line for each; nothing is left running
 */
export async function startSystem(options: SystemOptions): Promise<System> {
  const { env = process.env, output = () => {}, signal } = options;
  const dataDir = await takeDataDir(options.dataDir).catch((error: Error) => {
    throw new StartError(error.message);
  });
  const parts = new Map<PartName, Part>();
  const stopAll = async (way: 'stop' | 'force') => {
    const all = (names: readonly PartName[]) => Promise.all(names.map((name) => parts.get(name)?.[way]()));
    await all(serviceNames);
    await all(['nats']);
    await all(['postgres']);
    dataDir.release();
  };
  const giveUp = (line: string): void => {
    void stopAll('stop').then(() => options.onGiveUp?.(line));
  };
  const proceed = () => {
    if (signal?.aborted) throw new StartError('Stopped before it had started.');
  };

  let firstAdmin: System['firstAdmin'];
  try {
    const ports = await choosePorts(options.ports, env);
    await checkConfiguration(env, output);
    const secrets = await loadSecrets(dataDir.path);
    const logDir = join(dataDir.path, 'logs');
    await mkdir(logDir, { recursive: true, mode: 0o700 });
    const context: Context = { ...options, output, giveUp, dataDir, secrets, logDir, parts };

    // One after the other would cost the second start most of its time.
    const [databaseUrl, natsUrls] = await bothOrNeither(usePostgres(context, env), useNats(context, env));
    proceed();
    const guardEnvFile = join(dataDir.path, 'guard.env');
    await writePrivately(guardEnvFile, `NATS_URL=${natsUrls.guard}\n`);

    firstAdmin = (await migrateIdentity(databaseUrl, { adminPassword: env.ADMIN_PASSWORD || undefined })).firstAdmin;
    await migrateTokens(databaseUrl);
    proceed();

    const ready = serviceNames.map((name) => {
      const environment = serviceEnvironment(name, ports[name], env, context, databaseUrl, natsUrls);
      const service = superviseService(name, ports[name], environment, context);
      parts.set(name, service);
      return service.start();
    });
    await abortable(Promise.all(ready), signal);

    const part = (name: PartName) => {
      const found = parts.get(name);
      if (!found) throw new Error(`${name} does not run here.`);
      return found;
    };
    const url = (name: ServiceName) => ({ url: `http://127.0.0.1:${ports[name]}` });
    return {
      identity: url('identity'),
      tokens: url('tokens'),
      example: url('example'),
      databaseUrl,
      natsUrls,
      firstAdmin,
      guardEnvFile,
      logDir,
      pid: (name) => parts.get(name)?.running?.pid,
      kill: (name, killSignal) => part(name).kill(killSignal),
      restart: async (name) => {
        await part(name).stop();
        await part(name).start();
      },
      stop: () => stopAll('stop'),
      force: () => stopAll('force'),
    };
  } catch (error) {
    await stopAll('stop');
    // The password is kept nowhere: a start that fails after it was made must still tell it.
    if (firstAdmin && !env.ADMIN_PASSWORD) {
      output(`The first admin was made: ${firstAdmin.username}, password ${firstAdmin.password}`);
    }
    throw error instanceof StartError ? error : new StartError((error as Error).message, { cause: error });
  }
}

type Context = Pick<SystemOptions, 'fsync' | 'ports'> & {
  output: (line: string) => void;
  giveUp: (line: string) => void;
  dataDir: DataDir;
  secrets: Secrets;
  logDir: string;
  parts: Map<PartName, Part>;
};

async function choosePorts(mode: SystemOptions['ports'], env: NodeJS.ProcessEnv): Promise<Record<ServiceName, number>> {
  const ports: Partial<Record<ServiceName, number>> = {};
  const wrong: string[] = [];
  for (const name of serviceNames) {
    const { variable, port: fallback } = services[name];
    if (mode === 'free') {
      do ports[name] = await choosePort();
      while (new Set(Object.values(ports)).size < Object.keys(ports).length);
      continue;
    }
    const text = env[variable] || String(fallback);
    const port = Number(text);
    if (!/^\d+$/.test(text) || port < 1 || port > 65_535) {
      wrong.push(`${variable} is wrong: ${text} is not a port (1 to 65535).`);
    } else if (Object.values(ports).includes(port)) {
      wrong.push(`${variable} is wrong: ${port} is given to two services.`);
    } else if (!(await isFree(port))) {
      wrong.push(`${variable} ${port} is taken: another program listens there. Stop it, or set ${variable}.`);
    }
    ports[name] = port;
  }
  if (wrong.length > 0) throw new StartError(wrong.join('\n'));
  return ports as Record<ServiceName, number>;
}

/** Before anything is started or made: a wrong variable must not cost the first run its one-time password. */
async function checkConfiguration(env: NodeJS.ProcessEnv, output: (line: string) => void): Promise<void> {
  const servers = {
    DATABASE_URL: env.DATABASE_URL || 'postgres://embedded',
    NATS_URL: env.NATS_URL || 'nats://embedded',
  };
  readTokensConfig({ ...env, ...servers, TOKEN_PEPPER: env.TOKEN_PEPPER || generateSecret() });
  readIdentityConfig({ ...env, ...servers });
  exampleConfig({ ...env, ...servers });
  readConfig({ ADMIN_PASSWORD: newPassword.optional() }, env);
  if (env.DATABASE_URL) await checkDatabase(env.DATABASE_URL);
  if (env.NATS_URL) await (await connectNats(env.NATS_URL, 'identity', 'start')).close();
  else await findNatsServer({ env, output });
}

async function checkDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_MS });
  try {
    await client.connect();
    await client.end();
  } catch (error) {
    throw new StartError(`DATABASE_URL: cannot connect to the database: ${(error as Error).message}`);
  }
}

async function usePostgres(context: Context, env: NodeJS.ProcessEnv): Promise<string> {
  if (env.DATABASE_URL) return env.DATABASE_URL;
  const { dataDir, secrets, logDir, output } = context;
  const remembered = await rememberedPort(dataDir.path, 'postgres');
  let port: number | undefined;
  const supervised = new Supervised<Postgres>({
    name: 'PostgreSQL',
    output,
    onGiveUp: context.giveUp,
    launch: async () => {
      const launched = await startPostgres({
        dataDir: join(dataDir.path, 'postgres'),
        logFile: join(logDir, 'postgres.log'),
        password: secrets.postgresPassword,
        fsync: context.fsync,
        port,
        wantedPorts: remembered ? [remembered] : context.ports === 'free' ? [] : [POSTGRES_PORT],
        output,
      });
      port = launched.port;
      return launched;
    },
  });
  context.parts.set('postgres', supervised);
  const postgres = await supervised.start();
  await rememberPort(dataDir.path, 'postgres', postgres.port);
  await postgres.createDatabase('tokenlog');
  return postgres.url('tokenlog');
}

async function useNats(context: Context, env: NodeJS.ProcessEnv): Promise<Record<NatsUser, string>> {
  if (env.NATS_URL) {
    const url = env.NATS_URL;
    return Object.fromEntries(natsUsers.map((user) => [user, url])) as Record<NatsUser, string>;
  }
  const { dataDir, secrets, logDir, output } = context;
  let port: number | undefined = await rememberedPort(dataDir.path, 'nats');
  const configuration = join(dataDir.path, GUARDS_CONFIGURATION);
  // Written anew: an older version's may lack what a guard needs today.
  await writeGuards(configuration, await readGuards(configuration), BASE_CONFIGURATION);
  const supervised = new Supervised<Nats>({
    name: 'nats-server',
    output,
    onGiveUp: context.giveUp,
    launch: async () => {
      port ??= await choosePort(context.ports === 'free' ? [] : [NATS_PORT]);
      return startNats({
        dataDir: join(dataDir.path, 'nats'),
        logFile: join(logDir, 'nats-server.log'),
        passwords: secrets.natsPasswords,
        configuration,
        port,
        env,
        output,
      });
    },
  });
  context.parts.set('nats', supervised);
  const nats = await supervised.start();
  await rememberPort(dataDir.path, 'nats', nats.port);
  return nats.urls;
}

/** A port that was used before, if it is still free: URLs that were written down stay right. */
async function rememberedPort(dataDir: string, name: string): Promise<number | undefined> {
  const text = await readFile(join(dataDir, `${name}.port`), 'utf8').catch(() => '');
  const port = Number(text);
  return port > 0 && (await isFree(port)) ? port : undefined;
}

async function rememberPort(dataDir: string, name: string, port: number): Promise<void> {
  await writePrivately(join(dataDir, `${name}.port`), `${port}\n`);
}

function superviseService(name: ServiceName, port: number, env: NodeJS.ProcessEnv, context: Context) {
  const { app } = services[name];
  return new Supervised<Running>({
    name: app,
    output: context.output,
    onGiveUp: context.giveUp,
    launch: async () => {
      const process = await startService({
        name: app,
        main: join(dist, 'apps', app, 'main.js'),
        port,
        env,
        logFile: join(context.logDir, `${app}.log`),
        output: context.output,
      });
      context.dataDir.note(name, process.pid);
      return process;
    },
  });
}

function serviceEnvironment(
  name: ServiceName,
  port: number,
  env: NodeJS.ProcessEnv,
  { secrets }: Context,
  databaseUrl: string,
  natsUrls: Record<NatsUser, string>,
): NodeJS.ProcessEnv {
  const { variable, nats } = services[name];
  const shared = Object.fromEntries(Object.entries(env).filter(([key]) => !withheld.includes(key)));
  return {
    ...shared,
    NATS_URL: natsUrls[nats],
    [variable]: String(port),
    ...(name !== 'example' && { DATABASE_URL: databaseUrl }),
    ...(name === 'identity' && { OIDC_CLIENT_SECRET: env.OIDC_CLIENT_SECRET, SMTP_URL: env.SMTP_URL }),
    ...(name === 'tokens' && {
      TOKEN_PEPPER: env.TOKEN_PEPPER || secrets.tokenPepper,
      TOKEN_PEPPERS_RETIRED: env.TOKEN_PEPPERS_RETIRED,
    }),
  };
}

/** Waits for both before it throws what one of them threw, so that nothing starts after everything was stopped. */
async function bothOrNeither<One, Other>(one: Promise<One>, other: Promise<Other>): Promise<[One, Other]> {
  const failed = (await Promise.allSettled([one, other])).find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
  return [await one, await other];
}

function abortable<Result>(promise: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (!signal) return promise;
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new StartError('Stopped before it had started.')), {
      once: true,
    });
  });
  return Promise.race([promise, aborted]);
}
