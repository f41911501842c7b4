import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../tools/paths.js';
import { choosePort } from '../../tools/ports.js';
import { start } from '../../tools/processes.js';

export type Started = {
  process: ChildProcess;
  /** All that it has printed so far. */
  output: () => string;
  /** Resolves with the exit code. */
  exited: Promise<number | null>;
};

/** Free ports for the services, as the variables that name them. */
export async function freePorts(): Promise<Record<'IDENTITY_PORT' | 'TOKENS_PORT' | 'EXAMPLE_PORT', string>> {
  const port = async () => String(await choosePort());
  return { IDENTITY_PORT: await port(), TOKENS_PORT: await port(), EXAMPLE_PORT: await port() };
}

/**
 * Runs what `npm start` runs once everything is installed and built.
 * @param options the arguments of `tools/start.ts`
 * @param folder the repository, or a copy of it
 */
export function startTokenlog(env: Record<string, string>, options: string[] = [], folder = root): Started {
  const args = ['--enable-source-maps', join(folder, 'dist', 'tools', 'start.js'), ...options];
  const child = start(
    { file: process.execPath, args, whenOrphaned: 'SIGTERM' },
    { cwd: folder, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      printed += chunk;
    });
  }
  const exited = once(child, 'close').then(([code]) => code as number | null);
  return { process: child, output: () => printed, exited };
}

/** The command lines of the processes that run on a data folder, whoever their parent is: they inherit its variable. */
export function processesOf(dataDir: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
        if (!variables.includes(`DATA_DIR=${dataDir}`)) return [];
        return `${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`;
      } catch {
        // Gone meanwhile, or another user's.
        return [];
      }
    });
}
