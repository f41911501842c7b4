import { spawnSync } from 'node:child_process';
import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** What stands where a cluster is looked for: a whole one, nothing at all, or a folder with nothing in it. */
export type ClusterState = 'whole' | 'absent' | 'empty';

/** Without any of these PostgreSQL does not start, or starts on less than there was. */
const PARTS = [
  'PG_VERSION',
  'global/pg_control',
  'global/pg_filenode.map',
  'base',
  'pg_wal',
  'pg_xact',
  'pg_multixact',
];
/** PostgreSQL writes this much at once, or nothing. */
const CONTROL_BYTES = 8192;

/**
 * Looks at a cluster's folder and changes nothing.
 * @param postgres the server's program, which says what version it can open
 * @throws Error that says what was found, where it is neither whole nor absent: data may be there, and is not to be lost
 */
export async function clusterState(dataDir: string, postgres: string): Promise<ClusterState> {
  const isThere = await lstat(dataDir).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw notWhole(dataDir, `cannot be read (${error.code})`);
    },
  );
  if (!isThere) return 'absent';
  const names = await readdir(dataDir).catch((error: NodeJS.ErrnoException) => {
    throw notWhole(dataDir, unreadable(error));
  });
  if (names.length === 0) return 'empty';

  const missing: string[] = [];
  for (const part of PARTS) if (!(await isPart(dataDir, part))) missing.push(part);
  if (missing.length > 0) throw notWhole(dataDir, `lacks ${missing.join(', ')}; it has ${some(names)}`);
  const { size } = await stat(join(dataDir, 'global/pg_control'));
  if (size !== CONTROL_BYTES) throw notWhole(dataDir, `has a global/pg_control of ${size} bytes`);
  await checkVersion(dataDir, postgres);
  return 'whole';
}

/** What a reader can do where data is missing or broken: one sentence, for the end of a message. */
export function restoreOrMoveAway(folder: string): string {
  return `Nothing was changed. Restore it from a back-up, or, to begin anew without what was there, move ${folder} away by hand.`;
}

async function checkVersion(dataDir: string, postgres: string): Promise<void> {
  const made = (await readFile(join(dataDir, 'PG_VERSION'), 'utf8')).trim();
  const { stdout } = spawnSync(postgres, ['--version'], { encoding: 'utf8' });
  const ours = /\s(\d+)[.\w]*/.exec(stdout ?? '')?.[1];
  if (ours === undefined || made === ours) return;
  if (!/^\d+(\.\d+)?$/.test(made)) throw notWhole(dataDir, 'has a PG_VERSION that is no version');
  throw new Error(
    `${dataDir} was made by PostgreSQL ${made}, and the embedded one is ${ours}: it cannot open it. Nothing was changed. ` +
      `Bring it to ${ours} with pg_upgrade, or set DATABASE_URL to a server that has it.`,
  );
}

async function isPart(dataDir: string, part: string): Promise<boolean> {
  return stat(join(dataDir, part)).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return false;
      throw notWhole(dataDir, `has a ${part} that cannot be read (${error.code})`);
    },
  );
}

function unreadable({ code }: NodeJS.ErrnoException): string {
  if (code === 'ENOTDIR') return 'is no folder';
  if (code === 'ENOENT') return 'is a link that leads nowhere';
  return `cannot be read (${code})`;
}

function notWhole(dataDir: string, found: string): Error {
  return new Error(`${dataDir} ${found}: it is not a whole PostgreSQL cluster. ${restoreOrMoveAway(dataDir)}`);
}

function some(names: readonly string[]): string {
  const SHOWN = 5;
  const more = names.length - SHOWN;
  return names.toSorted().slice(0, SHOWN).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
