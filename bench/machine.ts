import { readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';

/** Where the figures come from: the hardware and what runs on it; no name, no address, no path. */
export function describeMachine(versions: Readonly<Record<string, string>>): Record<string, string> {
  return {
    processor: `${cpus()[0]?.model.trim() || process.arch}, ${availableParallelism()} cores`,
    memory: `${Math.round(totalmem() / 1024 ** 3)} GiB`,
    system: `${distribution()}, ${type()} ${release().split('-')[0]}`,
    'Node.js': process.versions.node,
    ...versions,
  };
}

/** Whether a folder's files are kept in memory: a commit there costs nothing, and a rate says nothing. */
export function isInMemory(folder: string): boolean {
  const TMPFS = 0x01021994;
  return statfsSync(folder).type === TMPFS;
}

function distribution(): string {
  try {
    const name = /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
    if (name) return name;
  } catch {
    // Not every system has it.
  }
  return process.platform;
}
