import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A process as it was seen: the id alone may be another's after it ended. */
export type ProcessIdentity = { pid: number; startedAt: string };

/**
 * Names a running process so that a later one with the same id is told apart.
 * @returns undefined when no such process runs
 */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name, in parentheses, may hold spaces; the fields are counted after it. Field 3 is the state, 22 the start.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return { pid, startedAt: fields[19] ?? '' };
  } catch {
    // Not Linux, or no such process.
  }
  const ps = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
  const startedAt = ps.stdout?.trim();
  return ps.status === 0 && startedAt ? { pid, startedAt } : undefined;
}

/** Whether that very process still runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startedAt === identity.startedAt;
}

/**
 * The processes whose working directory is `folder` and whose program's name begins with `program`. Empty where there is
 * no /proc.
 */
export function processesIn(folder: string, program: string): ProcessIdentity[] {
  let ids: string[];
  try {
    ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
  return ids.flatMap((id) => {
    try {
      const runs = basename(readlinkSync(`/proc/${id}/exe`));
      if (!runs.startsWith(program) || readlinkSync(`/proc/${id}/cwd`) !== folder) return [];
    } catch {
      // Gone meanwhile, or another user's.
      return [];
    }
    return identify(Number(id)) ?? [];
  });
}

/** Ends processes: each signal in turn, `graceMs` apart, until all have gone; then SIGKILL. */
export async function end(processes: ProcessIdentity[], signals: NodeJS.Signals[], graceMs: number): Promise<void> {
  for (const signal of [...signals, 'SIGKILL' as const]) {
    for (const identity of processes.filter(isRunning)) send(identity.pid, signal);
    const deadline = performance.now() + graceMs;
    while (processes.some(isRunning) && performance.now() < deadline) await delay(20);
    if (!processes.some(isRunning)) return;
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
    // Stopped, it would not take notice.
    process.kill(pid, 'SIGCONT');
  } catch {
    // It went before the signal came.
  }
}

/** A program to run, and as whom. */
export type Command = {
  file: string;
  args: string[];
  /** What the system sends it when this process dies, where it can (Linux with util-linux). */
  whenOrphaned: NodeJS.Signals;
  /** Run as this user; only root can. `reachAll` lets it through folders that are closed to it. */
  user?: { uid: number; gid: number; reachAll: boolean };
};

/**
 * Starts a program in a session of its own, so that Ctrl-C in the terminal reaches it only through us, in our order.
 * @throws Error when root may not hand over the rights that `reachAll` asks for
 */
export function start(command: Command, options: SpawnOptions): ChildProcess {
  const { file, args, user } = command;
  const identity = user && { uid: user.uid, gid: user.gid };
  if (!hasSetpriv()) {
    if (user?.reachAll) throw new Error('this needs the program setpriv (package util-linux)');
    return spawn(file, args, { ...options, ...identity, detached: true });
  }
  const setpriv = ['--pdeathsig', command.whenOrphaned.replace('SIG', '')];
  if (user) setpriv.push('--reuid', `${user.uid}`, '--regid', `${user.gid}`, '--clear-groups');
  if (user?.reachAll) {
    const right = reachingRight();
    // Without no_setuid_fixup, access(2) would ignore the right, and PostgreSQL asks it about its own program.
    setpriv.push('--inh-caps', `+${right}`, '--ambient-caps', `+${right}`, '--securebits', '+no_setuid_fixup');
  }
  return spawn('setpriv', [...setpriv, '--', file, ...args], { ...options, detached: true });
}

/** The weakest right that reads closed folders; containers are often given only the stronger one. */
function reachingRight(): string {
  const DAC_READ_SEARCH = 2n;
  const status = readFileSync('/proc/self/status', 'utf8');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  return (effective >> DAC_READ_SEARCH) & 1n ? 'dac_read_search' : 'dac_override';
}

let setprivFound: boolean | undefined;
function hasSetpriv(): boolean {
  setprivFound ??= spawnSync('setpriv', ['--pdeathsig', 'TERM', '--', 'true']).status === 0;
  return setprivFound;
}
