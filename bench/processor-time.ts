import { readdirSync, readFileSync } from 'node:fs';

/** Of /proc: clock ticks a second, the same on every Linux that Node runs on. */
const TICKS = 100;

/**
 * Processor time so far, in seconds, of each named process together with its children, those that have ended included.
 * Undefined where there is no /proc.
 */
export function processorTimes(processes: Readonly<Record<string, number>>): Record<string, number> | undefined {
  const seen = readProcesses();
  if (seen.size === 0) return undefined;
  return Object.fromEntries(
    Object.entries(processes).map(([name, pid]) => {
      let ticks = 0;
      for (const [id, process] of seen) {
        if (id !== pid && process.parent !== pid) continue;
        // What has ended counts with its parent, which has waited for it.
        ticks += process.own + (id === pid ? process.ended : 0);
      }
      return [name, ticks / TICKS];
    }),
  );
}

/** Processor time of the whole machine so far, in seconds: what there was, and what of it was used. */
export function machineTime(): { available: number; used: number } | undefined {
  try {
    const fields = readFileSync('/proc/stat', 'utf8').split('\n')[0]?.split(/\s+/).slice(1, 9).map(Number) ?? [];
    const [user = 0, nice = 0, system = 0, idle = 0, waiting = 0, ...interrupts] = fields;
    const used = [user, nice, system, ...interrupts].reduce((sum, each) => sum + each, 0);
    return { available: (used + idle + waiting) / TICKS, used: used / TICKS };
  } catch {
    return undefined;
  }
}

function readProcesses(): Map<number, { parent: number; own: number; ended: number }> {
  const seen = new Map<number, { parent: number; own: number; ended: number }>();
  let names: string[] = [];
  try {
    names = readdirSync('/proc');
  } catch {
    // Not Linux.
  }
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      // Counted after the name, which may hold spaces: state, parent, …, own time in user and kernel, that of ended children.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const [own, ended] = [Number(fields[11]) + Number(fields[12]), Number(fields[13]) + Number(fields[14])];
      seen.set(Number(name), { parent: Number(fields[1]), own, ended });
    } catch {
      // Ended meanwhile.
    }
  }
  return seen;
}
