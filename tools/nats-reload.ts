import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { processesIn } from './processes.js';

/** The nats-server that runs on a folder of JetStream takes up its configuration anew. @returns false where none runs */
export async function reloadNats(dataDir: string): Promise<boolean> {
  if (!existsSync(dataDir)) return false;
  const running = processesIn(await realpath(dataDir), 'nats-server');
  for (const { pid } of running) process.kill(pid, 'SIGHUP');
  return running.length > 0;
}
