import { existsSync, readdirSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { type ClusterState, clusterState, restoreOrMoveAway } from './cluster.js';
import { findBinaries } from './embedded-postgres.js';
import { readSecrets } from './secrets.js';

/** What a start makes in a data folder after its secrets. */
const MADE = ['postgres', 'postgres.port', 'nats', 'nats.port', 'guard.env', 'logs'];
/** What stands there only once a database has been. */
const MADE_AFTER_DATABASE = ['postgres.port', 'guard.env'];

/** Without these there are no users, or no tokens. */
const TABLES = ['identity.users', 'identity.events', 'tokens.events', 'tokens.secrets'];
const NO_SUCH_DATABASE = '3D000';

/**
 * Whether a start may go on with what a data folder holds. It may where all of it is there, where nothing is, and where a
 * first start was interrupted; where a part of it is missing, beginning that part anew would lose what was in it: with new
 * secrets or an empty database no token is known any more. Changes nothing.
 * @throws Error that says what was found and what to do
 */
export async function checkExistingData(dataDir: string, embedsPostgres: boolean): Promise<void> {
  const found = MADE.filter((name) => isThere(join(dataDir, name)));
  const secrets = await readSecrets(dataDir);
  if (!secrets && found.length > 0) {
    throw new Error(
      `${join(dataDir, 'secrets.json')} is missing, and ${found.join(', ')} beside it cannot be used without: it holds ` +
        `the passwords, and the key of all tokens. ${restoreOrMoveAway(dataDir)}`,
    );
  }
  if (!embedsPostgres) return;
  const folder = join(dataDir, 'postgres');
  const state = await clusterState(folder, (await findBinaries()).postgres);
  if (state === 'whole') return;
  const traces = [...(await tracesOfDatabase(dataDir, state))];
  if (secrets?.begunAt) traces.push(`secrets.json (in use since ${secrets.begunAt})`);
  if (traces.length === 0) return;
  throw new Error(
    `${folder} is ${state === 'empty' ? 'empty' : 'missing'}, and ${traces.join(', ')} beside it tell of a database that was ` +
      `in use. If that was another one, set its DATABASE_URL. ${restoreOrMoveAway(dataDir)}`,
  );
}

/** An empty folder may be one that something is mounted on. */
function isThere(path: string): boolean {
  if (!existsSync(path)) return false;
  return !statSync(path).isDirectory() || readdirSync(path).length > 0;
}

async function tracesOfDatabase(dataDir: string, state: ClusterState): Promise<string[]> {
  const names = await readdir(dataDir);
  const traces = names.filter((name) => MADE_AFTER_DATABASE.includes(name) || name.startsWith('postgres.incomplete-'));
  // The services make streams, and have had a database then.
  const streams = await readdir(join(dataDir, 'nats'), { recursive: true }).catch(() => []);
  if (streams.some((path) => /(^|\/)streams\/[^/]+$/.test(path))) traces.push('nats (with streams)');
  const interrupted = names.includes('postgres.unfinished');
  if (state === 'empty' && names.includes('secrets.json') && !interrupted) traces.push('secrets.json');
  return traces;
}

/**
 * Looks into the database of a data folder that was in use.
 * @param url the owner's
 * @throws Error where it, or a part of it, is not there: it would be made anew, and empty
 */
export async function checkDatabaseInUse(url: string, dataDir: string): Promise<void> {
  const client = new pg.Client(url);
  try {
    await client.connect();
    const { rows } = await client.query<{ missing: string }>(
      `SELECT name AS missing FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NULL`,
      [TABLES],
    );
    if (rows.length === 0) return;
    throw new Error(
      `The database in ${join(dataDir, 'postgres')} was in use and lacks ${rows.map(({ missing }) => missing).join(', ')}. ` +
        restoreOrMoveAway(dataDir),
    );
  } catch (error) {
    if ((error as { code?: string }).code !== NO_SUCH_DATABASE) throw error;
    throw new Error(`${(error as Error).message}, though it was in use. ${restoreOrMoveAway(dataDir)}`);
  } finally {
    await client.end().catch(() => undefined);
  }
}
