import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { end, identify, isRunning, type ProcessIdentity } from './processes.js';

/** A data folder that this process alone uses until it releases it. */
export type DataDir = {
  path: string;
  /** Notes a process that must not outlive this one, for the next start to end if it does. */
  note(name: string, pid: number): void;
  release(): void;
};

/**
 * Takes a data folder, making it if need be, and ends what a killed start left running in it.
 * @throws Error of one line when another start uses it
 */
export async function takeDataDir(folder: string): Promise<DataDir> {
  // Others may pass through: as root, PostgreSQL runs as another user.
  makeFolder(resolve(folder));
  const path = realpathSync(folder);
  const lock = join(path, 'start.lock');
  const noted = join(path, 'processes.json');
  const self = identify(process.pid);
  if (!self) throw new Error('This system tells nothing of its processes: neither /proc nor ps is there.');
  takeLock(lock, self, path);
  await end(Object.values(readJson<Record<string, ProcessIdentity>>(noted) ?? {}), ['SIGTERM'], 8_000);

  const processes: Record<string, ProcessIdentity> = {};
  return {
    path,
    note: (name, pid) => {
      const identity = identify(pid);
      if (!identity) return;
      processes[name] = identity;
      writeFileSync(`${noted}.new`, JSON.stringify(processes));
      renameSync(`${noted}.new`, noted);
    },
    release: () => {
      rmSync(noted, { force: true });
      rmSync(lock, { force: true });
    },
  };
}

/** Not Node's own way through all that is missing: where the system lets nobody make a folder, in /proc for one, it never ends. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o711 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && statSync(folder).isDirectory()) return;
    const parent = dirname(folder);
    if (code !== 'ENOENT' || existsSync(parent)) throw error;
    makeFolder(parent);
    mkdirSync(folder, { mode: 0o711 });
  }
}

function takeLock(lock: string, self: ProcessIdentity, path: string): void {
  const mine = `${lock}.${self.pid}`;
  writeFileSync(mine, JSON.stringify(self));
  try {
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        linkSync(mine, lock);
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holder = readJson<ProcessIdentity>(lock);
      if (holder && isRunning(holder)) throw inUse(path, holder);
      removeStale(lock, holder, path);
    }
    throw new Error(`DATA_DIR: ${path} cannot be locked.`);
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Another start may have replaced the stale lock by its own meanwhile: then that is put back. */
function removeStale(lock: string, expected: ProcessIdentity | undefined, path: string): void {
  const aside = `${lock}.stale-${process.pid}`;
  try {
    renameSync(lock, aside);
  } catch {
    return;
  }
  const removed = readJson<ProcessIdentity>(aside);
  const live = removed && removed.pid !== expected?.pid && isRunning(removed);
  if (live) linkSync(aside, lock);
  rmSync(aside, { force: true });
  if (live) throw inUse(path, removed);
}

function inUse(path: string, holder: ProcessIdentity): Error {
  return new Error(
    `DATA_DIR: ${path} is in use by process ${holder.pid}: Tokenlog already runs there. Stop it, or set another DATA_DIR.`,
  );
}

function readJson<Content>(file: string): Content | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Content;
  } catch {
    return undefined;
  }
}
