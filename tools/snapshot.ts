// Takes the snapshot of this version, once, when it is released: npm run snapshot. It goes to test/upgrades/<version>.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { IDENTITY_STREAM } from '@tokenlog/contracts/identity/identity-events.js';
import { TOKENS_STREAM } from '@tokenlog/contracts/tokens/token-events.js';
import { closeNats, connectNats } from '@tokenlog/platform/nats.js';
import { VERSION } from '@tokenlog/platform/version.js';
import pg from 'pg';
import { root } from './paths.js';
import { live, SNAPSHOT_ADMIN_PASSWORD, SNAPSHOT_KEY, SNAPSHOT_PEPPER } from './snapshot/life.js';
import { rowsOf } from './snapshot/rows.js';
import { schemaOf } from './snapshot/schema.js';
import { messagesOf, type StreamMessages } from './snapshot/streams.js';
import { type System, startSystem } from './system.js';

const PUBLISHED_WITHIN_MS = 10_000;

const target = join(root, 'test', 'upgrades', VERSION);
if (existsSync(target)) {
  console.error(`${target} is there, and a released version does not change: raise the version in package.json first.`);
  process.exit(1);
}
const folder = await mkdtemp(join(tmpdir(), 'tokenlog-snapshot-'));
try {
  const keys = join(folder, 'access-keys.properties');
  await writeFile(keys, `${SNAPSHOT_KEY}=admin\n`, { mode: 0o600 });
  const system = await startSystem({
    dataDir: join(folder, 'data'),
    ports: 'free',
    fsync: false,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      NATS_SERVER_BIN: process.env.NATS_SERVER_BIN,
      ADMIN_PASSWORD: SNAPSHOT_ADMIN_PASSWORD,
      TOKEN_PEPPER: SNAPSHOT_PEPPER,
      ACCESS_KEYS_FILE: keys,
    },
    output: (line) => console.log(line),
  });
  try {
    await take(system);
  } finally {
    await system.stop();
  }
  console.log(`${target} is written: commit it.`);
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function take(system: System): Promise<void> {
  const remembered = await live(system);
  const owner = new pg.Client(system.databaseUrl);
  await owner.connect();
  try {
    const streams = [
      await published(system, owner, 'identity', IDENTITY_STREAM),
      await published(system, owner, 'tokens', TOKENS_STREAM),
    ];
    await Promise.all((['identity', 'tokens', 'example'] as const).map((name) => system.kill(name, 'SIGTERM')));
    const [schema, rows] = [await schemaOf(owner), await rowsOf(owner)];
    await mkdir(target, { recursive: true });
    await writeFile(join(target, 'schema.sql'), schema.map((statement) => `${statement};\n\n`).join(''));
    await writeJson('rows', rows);
    await writeJson('streams', streams);
    await writeJson('remembered', remembered);
  } finally {
    await owner.end();
  }
}

/** A service's stream, once all of its log is in it. */
async function published(system: System, owner: pg.Client, user: 'identity' | 'tokens', stream: string) {
  const nats = await connectNats(system.natsUrls[user], user, 'tokenlog-snapshot');
  try {
    for (const until = Date.now() + PUBLISHED_WITHIN_MS; ; ) {
      const found: StreamMessages = await messagesOf(nats, stream);
      const { rows } = await owner.query<{ events: number }>(`SELECT count(*)::int AS events FROM ${user}.events`);
      if (found.messages.length === rows[0]?.events) return found;
      if (Date.now() > until) throw new Error(`${stream} has ${found.messages.length} of ${rows[0]?.events} events`);
      await delay(200);
    }
  } finally {
    await closeNats(nats);
  }
}

async function writeJson(name: string, value: unknown): Promise<void> {
  await writeFile(join(target, `${name}.json`), `${JSON.stringify(value, null, 1)}\n`);
}
