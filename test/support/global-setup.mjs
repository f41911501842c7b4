import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from '../../tools/build.mjs';

const PREFIX = 'tokenlog-test-';

/** One PostgreSQL for the whole run, and the programs that scenarios start. The workers find them by the environment. */
export default async function setUp() {
  await build();
  const { startPostgres } = await import('../../dist/tools/embedded-postgres.js');
  const { findNatsServer } = await import('../../dist/tools/nats-server.js');
  const { generateSecret } = await import('../../dist/tools/secrets.js');
  const { identify } = await import('../../dist/tools/processes.js');
  await removeLeftovers(identify);
  const folder = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
  const output = (line) => process.stderr.write(`${line}\n`);
  const password = generateSecret();
  const start = async () => {
    // For data-dir.ts: a cluster that nothing was done with.
    const cluster = join(folder, 'cluster');
    await (await startPostgres({ dataDir: cluster, password, fsync: false })).stop();
    await promisify(execFile)('cp', ['-a', cluster, join(folder, 'postgres')]);
    return startPostgres({
      dataDir: join(folder, 'postgres'),
      password,
      fsync: false,
      maxConnections: 300,
      // For statements.ts. More than all specs together run, so that none is forgotten while it is counted.
      settings: { shared_preload_libraries: 'pg_stat_statements', 'pg_stat_statements.max': '50000' },
    });
  };
  const starting = start();
  let ended;
  const end = () => {
    ended ??= starting
      // Why it did not start, the set-up says.
      .then(
        (postgres) => postgres.stop(),
        () => undefined,
      )
      .finally(() => rm(folder, { recursive: true, force: true }));
    return ended;
  };
  globalThis.endOfTestRun = end;
  // Jest leaves at once on these, without its teardown. In the middle of a start too: what runs on a change is cut short.
  for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 })) {
    // Not once: from a terminal it comes twice, from npm's side too.
    process.on(signal, () => void end().finally(() => process.exit(code)));
  }
  const [postgres, natsServer] = await Promise.all([starting, findNatsServer({ output })]);
  process.env.TEST_DATABASE_URL = postgres.url('postgres');
  process.env.TEST_FOLDER = folder;
  process.env.NATS_SERVER_BIN = natsServer;
  // Services are started hundreds of times: each is compiled once.
  process.env.NODE_COMPILE_CACHE = join(folder, 'compiled');
}

/** What runs that were killed left behind; their folders are named for their process. */
async function removeLeftovers(identify) {
  for (const name of await readdir(tmpdir())) {
    const pid = name.startsWith(PREFIX) && Number(name.slice(PREFIX.length).split('-')[0]);
    if (pid && !identify(pid)) await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => {});
  }
}
