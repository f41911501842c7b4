import type { LoadResult } from './load.js';
import { machineTime, processorTimes } from './processor-time.js';
import type { Sample } from './sample.js';

/**
 * One measurement: a load, then the wait until all that it caused is done. The processor time of the named processes, by
 * process id, counts both.
 * @param settle resolves with how long it waited, in ms
 */
export async function measure(
  processes: Readonly<Record<string, number | undefined>>,
  load: () => Promise<LoadResult>,
  settle?: () => Promise<number>,
): Promise<Sample> {
  const pids = Object.entries(processes).filter((entry): entry is [string, number] => entry[1] !== undefined);
  const look = () => ({ processes: processorTimes(Object.fromEntries(pids)), machine: machineTime() });
  const before = look();
  const { count, rate, p50, p99, percentiles } = await load();
  const aftermath = await settle?.();
  const after = look();
  const sample = { value: rate, p50, p99, percentiles, ...(aftermath !== undefined && { aftermath }) };
  if (!before.processes || !after.processes || !before.machine || !after.machine) return sample;
  const spent: Record<string, number> = {};
  for (const [name] of pids) spent[name] = (after.processes[name] ?? 0) - (before.processes[name] ?? 0);
  const ours = Object.values(spent).reduce((sum, each) => sum + each, 0);
  const used = after.machine.used - before.machine.used;
  const strangers = Math.max(0, used - ours) / (after.machine.available - before.machine.available);
  const processor = Object.fromEntries(Object.entries(spent).map(([name, seconds]) => [name, (seconds / count) * 1e6]));
  return { ...sample, processor, strangers };
}
