import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { StartError } from '../start-error.js';

const exec = promisify(execFile);
const MOST_BYTES = 64 * 1024 * 1024;

/** What runs containers here, and how it is called. */
export interface Engine {
  readonly name: 'docker' | 'podman';
  /** The program that reads docker-compose.yml, with its first arguments. */
  readonly compose: readonly string[];
}

/** What `npm run test:compose` says where it cannot run. */
export const NEEDED =
  'What runs containers is missing: either Docker with its compose plugin and a daemon that answers, or podman with ' +
  'podman-compose (Debian: apt-get install podman podman-compose runc). COMPOSE_ENGINE=docker or podman names one of two.';

/**
 * The engine of this machine: Docker where its daemon answers, else podman.
 * @throws StartError that says what is needed, where there is neither
 */
export async function findEngine(wanted = process.env.COMPOSE_ENGINE): Promise<Engine> {
  const engines: Engine[] = [
    { name: 'docker', compose: ['docker', 'compose'] },
    { name: 'podman', compose: ['podman-compose'] },
  ];
  for (const engine of engines) {
    if (wanted && engine.name !== wanted) continue;
    const [program = '', ...args] = engine.compose;
    const answers = [exec(engine.name, ['info']), exec(program, [...args, 'version'])];
    if ((await Promise.allSettled(answers)).every(({ status }) => status === 'fulfilled')) return engine;
  }
  throw new StartError(NEEDED);
}

/**
 * Runs a command to its end.
 * @param input what it reads from standard input
 * @returns what it wrote to standard output
 * @throws Error with what it wrote to standard error
 */
export async function run(
  [program = '', ...args]: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  try {
    return (await exec(program, args, { ...options, maxBuffer: MOST_BYTES })).stdout;
  } catch (error) {
    const { stderr = '', stdout = '', message } = error as Error & { stderr?: string; stdout?: string };
    const said = `${stdout}\n${stderr}`.trim().split('\n').slice(-30).join('\n');
    throw new Error(`${[program, ...args].join(' ').slice(0, 200)}: ${said || message}`);
  }
}

/** Runs a command whose output is shown as it comes. */
export async function show(
  [program = '', ...args]: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<void> {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'inherit', 'inherit'] });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`${program} ${args[0] ?? ''} ended with ${code}`);
}
