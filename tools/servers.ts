import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LOOPBACK } from './addresses.js';
import type { DataDir } from './data-dir.js';
import { type Nats, type NatsUser, startNats } from './embedded-nats.js';
import { type Postgres, startPostgres } from './embedded-postgres.js';
import { checkDatabaseInUse } from './existing-data.js';
import { givenNats } from './given-nats.js';
import { BASE_CONFIGURATION, GUARDS_CONFIGURATION, readGuards, writeGuards } from './nats-guards.js';
import { hasSpaceForJetStream } from './nats-watch.js';
import { choosePort, isFree, readPort } from './ports.js';
import { writePrivately } from './private-file.js';
import type { Secrets } from './secrets.js';
import { type Part, Supervised } from './supervise.js';

/** Not those that a PostgreSQL and a nats-server of the machine's own are looked for at. */
const POSTGRES_PORT = 25_432;
const NATS_PORT = 24_222;
/** The files in a data folder that hold a port each. */
export const REMEMBERED_PORTS = ['postgres.port', 'nats.port'];
/** The embedded server's database. */
export const DATABASE = 'tokenlog';

/** What the parts of a system are started with. */
export type Context = {
  fsync?: boolean;
  inspect?: boolean;
  patienceMs?: number;
  /** `free` takes any free ports. */
  ports?: 'free';
  output: (line: string) => void;
  dataDir: DataDir;
  secrets: Secrets;
  logDir: string;
  /** Told each part that is kept running, by its name. */
  parts: Map<string, Part>;
};

/** Waits for both before it throws what one of them threw, so that nothing starts after everything was stopped. */
export async function bothOrNeither<One, Other>(one: Promise<One>, other: Promise<Other>): Promise<[One, Other]> {
  const failed = (await Promise.allSettled([one, other])).find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
  return [await one, await other];
}

/**
 * Starts the embedded PostgreSQL and keeps it running, unless the environment names another.
 * @returns the URL of its owner
 */
export async function usePostgres(context: Context, env: NodeJS.ProcessEnv): Promise<string> {
  if (env.DATABASE_URL) return env.DATABASE_URL;
  const { dataDir, secrets, logDir, output } = context;
  const remembered = await rememberedPort(dataDir.path, 'postgres');
  let port: number | undefined;
  const supervised = new Supervised<Postgres>({
    name: 'PostgreSQL',
    output,
    patienceMs: context.patienceMs,
    launch: async () => {
      const launched = await startPostgres({
        dataDir: join(dataDir.path, 'postgres'),
        logFile: join(logDir, 'postgres.log'),
        password: secrets.postgresPassword,
        fsync: context.fsync,
        port,
        // Launched again, it has been there.
        mayBegin: port === undefined && !secrets.begunAt,
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
  if (secrets.begunAt) await checkDatabaseInUse(postgres.url(DATABASE), dataDir.path);
  else await postgres.createDatabase(DATABASE);
  return postgres.url(DATABASE);
}

/**
 * Starts the embedded nats-server and keeps it running, unless the environment names another.
 * @returns the URL for each kind of client
 */
export async function useNats(context: Context, env: NodeJS.ProcessEnv): Promise<Record<NatsUser, string>> {
  const given = givenNats(env);
  if (given) return given;
  const { dataDir, secrets, logDir, output } = context;
  if (secrets.begunAt && !existsSync(join(dataDir.path, 'nats'))) {
    output('The data of nats-server is missing: its streams are filled again from the logs.');
  }
  let port: number | undefined = await rememberedPort(dataDir.path, 'nats');
  const configuration = join(dataDir.path, GUARDS_CONFIGURATION);
  // Written anew: an older version's may lack what a guard needs today.
  await writeGuards(configuration, await readGuards(configuration), BASE_CONFIGURATION);
  const supervised = new Supervised<Nats>({
    name: 'nats-server',
    output,
    patienceMs: context.patienceMs,
    launch: async () => {
      port ??= await choosePort(context.ports === 'free' ? [] : [NATS_PORT]);
      const folder = join(dataDir.path, 'nats');
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const jetstream = await hasSpaceForJetStream(folder);
      if (!jetstream) output('nats-server has no space for JetStream: no event is published until there is.');
      return startNats({
        dataDir: folder,
        jetstream,
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

/**
 * A port that was used before, if it is still free: URLs that were written down stay right.
 * @throws Error where the file that has it has none
 */
async function rememberedPort(dataDir: string, name: string): Promise<number | undefined> {
  const file = join(dataDir, `${name}.port`);
  const port = await readPort(file);
  return port !== undefined && (await isFree(port, LOOPBACK)) ? port : undefined;
}

async function rememberPort(dataDir: string, name: string, port: number): Promise<void> {
  await writePrivately(join(dataDir, `${name}.port`), `${port}\n`);
}
