import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';

/** Below the range that systems give to outgoing connections, which could take the port before it is listened on. */
const FIRST = 20_000;
const LAST = 31_999;

/** Whether a port can be listened on, on one address or on all. */
export function isFree(port: number, host?: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * The first free one of `wanted`, else any free port. Another process may take it before it is used: whoever uses it must
 * bear that.
 */
export async function choosePort(wanted: number[] = []): Promise<number> {
  for (const port of wanted) if (await isFree(port)) return port;
  for (;;) {
    const port = randomInt(FIRST, LAST + 1);
    if (await isFree(port)) return port;
  }
}

/**
 * Reads the port that a file remembers.
 * @returns undefined where there is no such file
 * @throws Error naming the file where it holds no port
 */
export async function readPort(file: string): Promise<number | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new Error(
      `${file} cannot be read (${error.code}): it remembers a port. Remove it; the next start makes it again.`,
    );
  });
  if (text === undefined) return undefined;
  const port = /^\d{1,5}\s*$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new Error(`DATA_DIR: ${file} holds no port (1 to 65535). Remove it; the next start makes it again.`);
}
