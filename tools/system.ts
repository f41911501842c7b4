import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { bindAddressVariable, databaseVariables, readConfig } from '@tokenlog/platform/config.js';
import { type DatabasePart, withRolesOf } from '@tokenlog/platform/database.js';
import { ensureLogin } from '@tokenlog/platform/database-login.js';
import { databaseConnection } from '@tokenlog/platform/database-url.js';
import { withValuesOf } from '@tokenlog/platform/variables.js';
import pg from 'pg';
import { exampleConfig } from '../apps/example-api/config.js';
import { readIdentityConfig } from '../apps/identity/config/config.js';
import { identityPart } from '../apps/identity/config/database-part.js';
import { ADMIN_PASSWORD_UNUSED, migrate as migrateIdentity } from '../apps/identity/migrate.js';
import { newPassword } from '../apps/identity/user/user-view.js';
import { readTokensConfig } from '../apps/tokens/config/config.js';
import { TOKENS_DATABASE } from '../apps/tokens/config/database-part.js';
import { migrate as migrateTokens } from '../apps/tokens/migrate.js';
import { LOOPBACK, reachableAt, urlOf } from './addresses.js';
import { takeDataDir } from './data-dir.js';
import { unwritable } from './data-dir-error.js';
import type { NatsUser } from './embedded-nats.js';
import { checkExistingData } from './existing-data.js';
import { checkNats, givenNats, natsVariables } from './given-nats.js';
import { doMainActs } from './main-acts.js';
import { findNatsServer } from './nats-server.js';
import { dist } from './paths.js';
import { readPort } from './ports.js';
import { writePrivately } from './private-file.js';
import { type DatabaseUser, generateSecret, loadSecrets, noteAdmin, noteBegun, type Secrets } from './secrets.js';
import { bothOrNeither, type Context, REMEMBERED_PORTS, useNats, usePostgres } from './servers.js';
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
  /** How long PostgreSQL and nats-server, where they run here, may not answer before they are started again. In ms. */
  patienceMs?: number;
  /** Each service takes a debugger at its `inspectPort`. */
  inspect?: boolean;
  /** Told what happens, a line at a time. */
  output?: (line: string) => void;
  /** Aborted, it stops a start that is under way. */
  signal?: AbortSignal;
};

export type System = Record<ServiceName, { url: string }> & {
  databaseUrl: string;
  natsUrls: Record<NatsUser, string>;
  /** Only where this start made the first admin, or gave it another password because nobody was told the first one. */
  firstAdmin?: { username: string; password: string };
  /** To be called once its password has been shown: until then, a start that finds nobody has logged in makes another. */
  adminTold(): Promise<void>;
  /** Where the services listen. */
  bindAddress: string;
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
/** Read here, and not by the services alone: each may stand in a file. */
const PORTS = serviceNames.map((name) => services[name].variable);
const OWN = ['DATABASE_URL', ...natsVariables, 'ADMIN_PASSWORD', 'BIND_ADDRESS', 'DATABASE_ROLE_PREFIX', ...PORTS];

/**
 * Starts a whole system: PostgreSQL and NATS unless the environment names others, migrations, and each service as a
 * process of its own. Resolves when all are ready.
 * @throws StartError when something is wrong that the reader can change, one line for each; nothing is left running
 */
export async function startSystem(options: SystemOptions): Promise<System> {
  const { output = () => {}, signal } = options;
  const env = variablesOf(options.env ?? process.env);
  const dataDir = await takeDataDir(options.dataDir).catch((error: Error) => {
    throw new StartError(unwritable(options.dataDir, error) ?? error.message);
  });
  const parts = new Map<PartName, Part>();
  let isStopping = false;
  const stopAll = async (way: 'stop' | 'force') => {
    isStopping = true;
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
    const bindAddress = env.BIND_ADDRESS ?? LOOPBACK;
    const reached = reachableAt(bindAddress);
    const ports = await choosePorts(options.ports, env, bindAddress);
    const database = partsOf(env);
    await checkConfiguration(env, output);
    await checkExistingData(dataDir.path, !env.DATABASE_URL);
    for (const name of REMEMBERED_PORTS) await readPort(join(dataDir.path, name));
    const secrets = await loadSecrets(dataDir.path);
    const logDir = join(dataDir.path, 'logs');
    await mkdir(logDir, { recursive: true, mode: 0o700 });
    const context: Context = { ...options, output, dataDir, secrets, logDir, parts };

    // One after the other would cost the second start most of its time.
    const [databaseUrl, natsUrls] = await bothOrNeither(usePostgres(context, env), useNats(context, env));
    proceed();
    const guardEnvFile = join(dataDir.path, 'guard.env');
    await writePrivately(guardEnvFile, `NATS_URL=${natsUrls.guard}\n`);

    // Of a first start that ended before it could tell.
    const renew = secrets.adminUntold === true;
    if (secrets.adminUntold === undefined && !secrets.begunAt) await noteAdmin(dataDir.path, secrets, 'untold');
    const adminPassword = env.ADMIN_PASSWORD || undefined;
    const made = await migrateIdentity(databaseUrl, { adminPassword, renew, part: database.identity });
    firstAdmin = made.firstAdmin;
    if (made.newerVersion) output(made.newerVersion);
    if (made.isUnused) output(ADMIN_PASSWORD_UNUSED);
    for (const line of await migrateTokens(databaseUrl, database.tokens)) output(line);
    const databaseUrls = await serviceLogins(databaseUrl, secrets, env, database);
    if (!env.DATABASE_URL) await noteBegun(dataDir.path, secrets);
    proceed();

    const ready = serviceNames.map((name) => {
      const environment = serviceEnvironment(
        name,
        ports[name],
        { ...env, BIND_ADDRESS: bindAddress },
        {
          natsUrls,
          databaseUrls,
          tokenPepper: secrets.tokenPepper,
        },
      );
      const service = superviseService(name, urlOf(reached, ports[name]), environment, context);
      parts.set(name, service);
      return service.start();
    });
    await abortable(Promise.all(ready), signal);

    const part = (name: PartName) => {
      const found = parts.get(name);
      if (!found) throw new Error(`${name} does not run here.`);
      return found;
    };
    const url = (name: ServiceName) => ({ url: urlOf(reached, ports[name]) });
    await abortable(
      doMainActs({ identity: url('identity'), tokens: url('tokens'), example: url('example') }, signal),
      signal,
    );
    return {
      identity: url('identity'),
      tokens: url('tokens'),
      example: url('example'),
      databaseUrl,
      natsUrls,
      firstAdmin,
      adminTold: () => noteAdmin(dataDir.path, secrets, 'told'),
      bindAddress,
      guardEnvFile,
      logDir,
      pid: (name) => parts.get(name)?.running?.pid,
      kill: (name, killSignal) => part(name).kill(killSignal),
      restart: async (name) => {
        await part(name).stop();
        if (!isStopping) await part(name).start();
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
    if (error instanceof StartError) throw error;
    const message = unwritable(dataDir.path, error as Error, !env.DATABASE_URL) ?? (error as Error).message;
    throw new StartError(message, { cause: error });
  }
}

/** Before anything is started or made: a wrong variable must not cost the first run its one-time password. */
async function checkConfiguration(env: NodeJS.ProcessEnv, output: (line: string) => void): Promise<void> {
  const nats = givenNats(env);
  const servers = {
    DATABASE_URL: env.DATABASE_URL || 'postgres://embedded',
    NATS_URL: nats?.tokens || 'nats://embedded',
  };
  const pepper = env.TOKEN_PEPPER || env.TOKEN_PEPPER_FILE ? {} : { TOKEN_PEPPER: generateSecret() };
  readTokensConfig({ ...env, ...servers, ...pepper });
  readIdentityConfig({ ...env, ...servers });
  exampleConfig({ ...env, ...servers });
  readConfig({ ADMIN_PASSWORD: newPassword.optional() }, env);
  if (env.DATABASE_URL) await checkDatabase(env.DATABASE_URL);
  if (nats) await checkNats(nats);
  else await findNatsServer({ env, output });
}

async function checkDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionTimeoutMillis: CONNECT_MS, ...databaseConnection(url) });
  try {
    await client.connect();
    await client.end();
  } catch (error) {
    throw new StartError(`DATABASE_URL: cannot connect to the database: ${(error as Error).message}`);
  }
}

/** A login of its own for each service on the embedded server; with another's, the URL that was given. */
async function serviceLogins(
  url: string,
  { databasePasswords }: Secrets,
  env: NodeJS.ProcessEnv,
  parts: Record<DatabaseUser, DatabasePart>,
) {
  if (env.DATABASE_URL) return { identity: url, tokens: url };
  const login = (part: DatabasePart, name: DatabaseUser) =>
    ensureLogin(url, part, { name, password: databasePasswords[name] });
  return { identity: await login(parts.identity, 'identity'), tokens: await login(parts.tokens, 'tokens') };
}

/** @throws StartError naming each variable that cannot be read */
function variablesOf(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  try {
    const read = withValuesOf(env, OWN);
    readConfig({ BIND_ADDRESS: bindAddressVariable }, read);
    return read;
  } catch (error) {
    throw new StartError((error as Error).message);
  }
}

function partsOf(env: NodeJS.ProcessEnv): Record<DatabaseUser, DatabasePart> {
  const { DATABASE_ROLE_PREFIX: prefix } = readConfig(
    { DATABASE_ROLE_PREFIX: databaseVariables.DATABASE_ROLE_PREFIX },
    env,
  );
  return { identity: withRolesOf(identityPart, prefix), tokens: withRolesOf(TOKENS_DATABASE, prefix) };
}

function superviseService(name: ServiceName, url: string, env: NodeJS.ProcessEnv, context: Context) {
  const { app, inspectPort } = services[name];
  return new Supervised<Running>({
    name: app,
    output: context.output,
    launch: async () => {
      const process = await startService({
        name: app,
        main: join(dist, 'apps', app, 'main.js'),
        url,
        env,
        inspectPort: context.inspect ? inspectPort : undefined,
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
