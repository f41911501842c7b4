import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { LOOPBACK, urlOf } from './addresses.js';
import { restartOnChange } from './restart-on-change.js';
import { type ServiceName, services } from './services.js';
import { StartError } from './start-error.js';
import { type System, startSystem } from './system.js';

/** A signal that comes twice at once, from the terminal and from npm, is one. In ms. */
const SAME_SIGNAL_MS = 700;

const { values: asked } = parseArgs({
  options: {
    /** A service is started again when a file that it runs changes. */
    watch: { type: 'boolean' },
    /** Services take debuggers. */
    inspect: { type: 'boolean' },
  },
});
const dataDir = process.env.DATA_DIR || '.data';
const aborter = new AbortController();
let system: System | undefined;
let stopWatching: (() => void) | undefined;
let stoppingSince: number | undefined;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onStop);
if (process.channel) {
  // Closed by the end of the process that npm started, however it ended.
  process.once('disconnect', onStop);
  process.channel.unref();
}

try {
  system = await startSystem({
    dataDir,
    // Services are started again and again: each is compiled once.
    env: asked.watch ? { NODE_COMPILE_CACHE: join(dataDir, 'compiled'), ...process.env } : process.env,
    inspect: asked.inspect,
    output,
    signal: aborter.signal,
  });
  if (aborter.signal.aborted) await stop(system);
  else {
    console.log(summary(system));
    await system.adminTold();
    if (asked.watch) {
      stopWatching = await restartOnChange(system.restart, output);
      output('Changes are watched: a service whose files change is started again.');
    }
  }
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  exit(aborter.signal.aborted ? 130 : 1, error.message);
}

function output(line: string): void {
  console.log(line);
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
  stopWatching?.();
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

function summary({ firstAdmin, guardEnvFile, logDir, bindAddress, ...running }: System): string {
  const port = (name: ServiceName) => Number(new URL(running[name].url).port);
  const address = (name: ServiceName) => urlOf(bindAddress, port(name));
  const here = (path: string) => {
    const fromHere = relative(process.cwd(), path);
    return fromHere.startsWith('..') ? path : fromHere;
  };
  const isWhereLookedFor =
    [LOOPBACK, '0.0.0.0', '::'].includes(bindAddress) &&
    (['identity', 'tokens'] as const).every((name) => port(name) === services[name].port);
  const where = isWhereLookedFor
    ? ''
    : `TOKENLOG_IDENTITY_URL=${running.identity.url} TOKENLOG_TOKENS_URL=${running.tokens.url} `;
  return [
    '',
    'Tokenlog runs.',
    '',
    `  identity     ${address('identity')}   ${address('identity')}/docs   /openapi.json`,
    `  tokens       ${address('tokens')}   ${address('tokens')}/docs   /openapi.json`,
    `  example-api  ${address('example')}`,
    `  guards       NATS_URL is in ${here(guardEnvFile)}`,
    `  logs         ${here(logDir)}`,
    '',
    ...(firstAdmin ? toldOf(firstAdmin, where) : loginLines(where, 'A lost password of admin: npm run admin:password')),
    '',
    'Ctrl-C stops everything.',
  ].join('\n');
}

function toldOf({ username, password }: NonNullable<System['firstAdmin']>, where: string): string[] {
  const isGiven = process.env.ADMIN_PASSWORD || process.env.ADMIN_PASSWORD_FILE;
  const shown = isGiven ? 'the password given in ADMIN_PASSWORD' : `${password}   (shown this once)`;
  const first = `  first admin  ${username}   ${shown}`;
  if (isGiven) return [first, '', ...loginLines(where)];
  return [first, '', ...loginLines(where, 'and then choose a password, before anything else:', 'password change')];
}

/** What to paste in another terminal; `then` says what comes after. */
function loginLines(where: string, then?: string, command?: string): string[] {
  return [
    'To log in, in another terminal, in this folder:',
    `  ${where}npx tokenlog login`,
    ...(then ? [then] : []),
    ...(command ? [`  ${where}npx tokenlog ${command}`] : []),
  ];
}
