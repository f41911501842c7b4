import { randomInt } from 'node:crypto';
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
