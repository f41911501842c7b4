import { relative } from 'node:path';
import { urlOf } from './addresses.js';
import type { ServiceName } from './services.js';
import { StartError } from './start-error.js';
import { type System, startSystem } from './system.js';

/** A signal that comes twice at once, from the terminal and from npm, is one. In ms. */
const SAME_SIGNAL_MS = 700;

const aborter = new AbortController();
let system: System | undefined;
let stoppingSince: number | undefined;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onStop);
if (process.channel) {
  // Closed by the end of the process that npm started, however it ended.
  process.once('disconnect', onStop);
  process.channel.unref();
}

try {
  system = await startSystem({
    dataDir: process.env.DATA_DIR || '.data',
    output: (line) => console.log(line),
    signal: aborter.signal,
  });
  if (aborter.signal.aborted) await stop(system);
  else {
    console.log(summary(system));
    await system.adminTold();
  }
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  exit(aborter.signal.aborted ? 130 : 1, error.message);
}

function onStop(): void {
  if (stoppingSince !== undefined) {
    if (performance.now() - stoppingSince < SAME_SIGNAL_MS) return;
    console.log('Stopping at once.');
    void (system ? system.force() : Promise.resolve()).then(() => exit(130));
    return;
  }
  stoppingSince = performance.now();
  console.log('\nStopping; once more to stop at once.');
  aborter.abort();
  if (system) void stop(system);
}

async function stop(running: System): Promise<void> {
  await running.stop();
  exit(0, 'Stopped.');
}

function exit(code: number, line?: string): void {
  if (line) (code === 0 ? console.log : console.error)(line);
  process.exit(code);
}

function summary({ firstAdmin, guardEnvFile, logDir, ...running }: System): string {
  const address = (name: ServiceName) => urlOf(running.bindAddress, Number(new URL(running[name].url).port));
  const given = process.env.ADMIN_PASSWORD || process.env.ADMIN_PASSWORD_FILE;
  const password = firstAdmin && !given ? firstAdmin.password : '…';
  const here = (path: string) => {
    const fromHere = relative(process.cwd(), path);
    return fromHere.startsWith('..') ? path : fromHere;
  };
  const lines = [
    '',
    'Tokenlog runs.',
    '',
    `  identity     ${address('identity')}   ${address('identity')}/docs   /openapi.json`,
    `  tokens       ${address('tokens')}   ${address('tokens')}/docs   /openapi.json`,
    `  example-api  ${address('example')}`,
    `  guards       NATS_URL is in ${here(guardEnvFile)}`,
    `  logs         ${here(logDir)}`,
    '',
  ];
  if (firstAdmin) {
    const shown = given ? 'the password given in ADMIN_PASSWORD' : `${firstAdmin.password}   (shown this once)`;
    lines.push(`  first admin  ${firstAdmin.username}   ${shown}`, '');
  }
  const body = JSON.stringify({ username: firstAdmin?.username ?? 'admin', password });
  lines.push('Log in:', `  curl -s ${address('identity')}/login -H 'content-type: application/json' -d '${body}'`, '');
  lines.push('Ctrl-C stops everything.');
  return lines.join('\n');
}
