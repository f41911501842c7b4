import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig } from '@tokenlog/platform/config.js';
import type { DatabasePart } from '@tokenlog/platform/database.js';
import { ensureLogin } from '@tokenlog/platform/database-login.js';
import { connectNats } from '@tokenlog/platform/nats.js';
import pg from 'pg';
import { exampleConfig } from '../apps/example-api/config.js';
import { readIdentityConfig } from '../apps/identity/config.js';
import { migrate as migrateIdentity } from '../apps/identity/migrate.js';
import { identityPart } from '../apps/identity/user.entity.js';
import { newPassword } from '../apps/identity/user-view.js';
import { readTokensConfig } from '../apps/tokens/config.js';
import { migrate as migrateTokens } from '../apps/tokens/migrate.js';
import { TOKENS_DATABASE } from '../apps/tokens/migrations.js';
import { takeDataDir } from './data-dir.js';
import type { NatsUser } from './embedded-nats.js';
import { checkExistingData } from './existing-data.js';
import { findNatsServer } from './nats-server.js';
import { dist } from './paths.js';
import { writePrivately } from './private-file.js';
import { type DatabaseUser, generateSecret, loadSecrets, noteBegun, type Secrets } from './secrets.js';
import { bothOrNeither, type Context, useNats, usePostgres } from './servers.js';
import { startService } from './service.js';
import { choosePorts, type ServiceName, serviceEnvironment, serviceNames, services } from './services.js';
import { StartError } from './start-error.js';
import { type Part, type Running, Supervised } from './supervise.js';

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

const CONNECT_MS = 10_000;
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
  const proceed = () => {
    if (signal?.aborted) throw new StartError('Stopped before it had started.');
  };

  let firstAdmin: System['firstAdmin'];
  try {
    const ports = await choosePorts(options.ports, env);
    await checkConfiguration(env, output);
    await checkExistingData(dataDir.path, !env.DATABASE_URL);
    const secrets = await loadSecrets(dataDir.path);
    const logDir = join(dataDir.path, 'logs');
    await mkdir(logDir, { recursive: true, mode: 0o700 });
    const context: Context = { ...options, output, dataDir, secrets, logDir, parts };

    // One after the other would cost the second start most of its time.
    const [databaseUrl, natsUrls] = await bothOrNeither(usePostgres(context, env), useNats(context, env));
    proceed();
    const guardEnvFile = join(dataDir.path, 'guard.env');
    await writePrivately(guardEnvFile, `NATS_URL=${natsUrls.guard}\n`);

    firstAdmin = (await migrateIdentity(databaseUrl, { adminPassword: env.ADMIN_PASSWORD || undefined })).firstAdmin;
    await migrateTokens(databaseUrl);
    const databaseUrls = await serviceLogins(databaseUrl, secrets, env);
    if (!env.DATABASE_URL) await noteBegun(dataDir.path, secrets);
    proceed();

    const ready = serviceNames.map((name) => {
      const environment = serviceEnvironment(name, ports[name], env, {
        natsUrls,
        databaseUrls,
        tokenPepper: secrets.tokenPepper,
      });
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

/** A login of its own for each service on the embedded server; with another's, the URL that was given. */
async function serviceLogins(url: string, { databasePasswords }: Secrets, env: NodeJS.ProcessEnv) {
  if (env.DATABASE_URL) return { identity: url, tokens: url };
  const login = (part: DatabasePart, name: DatabaseUser) =>
    ensureLogin(url, part, { name, password: databasePasswords[name] });
  return { identity: await login(identityPart, 'identity'), tokens: await login(TOKENS_DATABASE, 'tokens') };
}

function superviseService(name: ServiceName, port: number, env: NodeJS.ProcessEnv, context: Context) {
  const { app } = services[name];
  return new Supervised<Running>({
    name: app,
    output: context.output,
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

function abortable<Result>(promise: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (!signal) return promise;
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new StartError('Stopped before it had started.')), {
      once: true,
    });
  });
  return Promise.race([promise, aborted]);
}
