import { createServer, connect as dial, type Server, type Socket } from 'node:net';

/**
 * A way to a server that can be held up, as one that stands still holds it up: connections are taken, and nothing goes
 * through. What was sent meanwhile arrives when it goes on, though its sender has given up.
 */
export class Way {
  private readonly sockets = new Set<Socket>();
  private readonly late: (() => void)[] = [];
  private held: 'both' | 'answers' | null = null;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  /** @param url of a server; the way's own is the same with another port */
  static async to(url: string): Promise<Way> {
    const target = new URL(url);
    let way: Way;
    const server = createServer((near) => way.join(near, dial(Number(target.port), target.hostname)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const near = new URL(url);
    near.port = String((server.address() as { port: number }).port);
    way = new Way(server, near.href);
    return way;
  }

  /** `answers`: the server still gets what it is asked. */
  hold(which: 'both' | 'answers' = 'both'): void {
    this.held = which;
  }

  release(): void {
    this.held = null;
    for (const send of this.late.splice(0)) send();
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(near: Socket, far: Socket): void {
    this.carry(near, far, () => this.held === 'both');
    this.carry(far, near, () => this.held !== null);
  }

  private carry(from: Socket, to: Socket, isHeld: () => boolean): void {
    this.sockets.add(from);
    from.setNoDelay(true);
    const pass = (send: () => void) => (isHeld() ? void this.late.push(send) : send());
    from.on('data', (chunk) => pass(() => to.write(chunk)));
    from.on('error', () => undefined);
    from.on('close', () => pass(() => to.end()));
    to.on('error', () => undefined);
  }
}
