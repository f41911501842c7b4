import { createWriteStream, existsSync, renameSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { end, identify, start } from './processes.js';
import type { Running } from './supervise.js';

export type ServiceOptions = {
  name: string;
  /** Its compiled main file. */
  main: string;
  env: NodeJS.ProcessEnv;
  /** The port for a debugger, on loopback alone; absent: none. */
  inspectPort?: number;
  /** By which this machine reaches it. */
  url: string;
  logFile: string;
  /** Told each error that the service logs, as one line. */
  output: (line: string) => void;
};

const READY_MS = 60_000;
const STOP_MS = 10_000;
const LOG_BYTES = 20 * 1024 * 1024;
const KEPT_LINES = 12;

/**
 * Launches a service with this Node; what it logs goes to its file, errors to `output` as well. It is ready when
 * `GET /health/ready` answers 200.
 */
export async function startService(options: ServiceOptions): Promise<Running> {
  if (existsSync(options.logFile) && statSync(options.logFile).size > LOG_BYTES) {
    renameSync(options.logFile, `${options.logFile}.1`);
  }
  const log = createWriteStream(options.logFile, { flags: 'a', mode: 0o600 });
  // Not on its standard error, where it would pass for the reason of a death.
  const inspect = options.inspectPort
    ? [`--inspect=127.0.0.1:${options.inspectPort}`, '--inspect-publish-uid=http']
    : [];
  const args = ['--enable-source-maps', ...inspect, options.main];
  const child = start(
    { file: process.execPath, args, whenOrphaned: 'SIGTERM' },
    { env: options.env, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const url = `${options.url}/health`;
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on('line', (line) => {
      log.write(`${line}\n`);
      const error = errorOf(line);
      if (error) options.output(`${options.name}: ${error}`);
      else if (stream === child.stderr && said.length < KEPT_LINES && !isStackLine(line)) said.push(line);
    });
  }

  let ended: string | undefined;
  const exited = new Promise<string>((resolve) => {
    const gone = (reason: string) => {
      ended ??= reason;
      log.end();
      resolve(ended);
    };
    child.once('error', (error) => gone(error.message));
    child.once('close', (code, signal) => {
      // The first line that was not a log's says why it could not go on.
      const why = code ? said.slice(0, 1).map((line) => `: ${line}`) : '';
      gone(signal ? `signal ${signal}` : `exit code ${code}${why}`);
    });
  });
  const ready = waitUntilReady(options.name, `${url}/ready`, () => ended, exited).catch((error: Error) => {
    // A service that cannot start says why in plain lines; what it logged as errors has been told already.
    const why = said.map((line) => `${options.name}: ${line}`);
    throw new Error(why.length > 0 ? why.join('\n') : `${error.message} See ${options.logFile}`);
  });
  // Whoever launches it again after a death does not wait for it.
  ready.catch(() => {});

  return {
    pid: child.pid ?? 0,
    exited,
    ready,
    probe: async (signal) => {
      const answer = await fetch(`${url}/live`, { signal });
      await answer.body?.cancel();
    },
    stop: async (graceMs = STOP_MS) => {
      const identity = ended === undefined && child.pid ? identify(child.pid) : undefined;
      if (identity) await end([identity], ['SIGTERM'], graceMs);
      await exited;
    },
  };
}

async function waitUntilReady(
  name: string,
  url: string,
  ended: () => string | undefined,
  exited: Promise<string>,
): Promise<void> {
  const deadline = performance.now() + READY_MS;
  while (performance.now() < deadline) {
    if (ended() !== undefined) throw new Error(`${name} does not start (${ended()}).`);
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok) return;
    await Promise.race([delay(50), exited]);
  }
  throw new Error(`${name} is not ready after ${READY_MS / 1000} s.`);
}

/** The message of a log line of level error or worse; undefined for any other line. */
function errorOf(line: string): string | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const entry = JSON.parse(line) as { level?: unknown; message?: unknown; msg?: unknown };
    if (entry.level !== 'error' && entry.level !== 'fatal') return undefined;
    const message = entry.message ?? entry.msg ?? line;
    return typeof message === 'string' ? message : JSON.stringify(message);
  } catch {
    return undefined;
  }
}

function isStackLine(line: string): boolean {
  return line.trim() === '' || /^\s+at /.test(line);
}
