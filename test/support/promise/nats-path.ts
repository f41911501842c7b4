import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export type Direction = 'toGuard' | 'toServer';
const directions: readonly Direction[] = ['toGuard', 'toServer'];

/** A way to nats-server through this process that can be stopped, in one direction or both, and torn. */
export class NatsPath {
  private readonly held = new Set<Direction>();
  private readonly pairs = new Set<Record<Direction, Socket>>();

  private constructor(
    private readonly server: Server,
    /** Where the other end is, with the credentials. */
    readonly url: string,
    private readonly target: { port: number; host: string },
  ) {
    server.on('connection', (guardSide) => this.join(guardSide));
  }

  static async open(natsUrl: string): Promise<NatsPath> {
    const url = new URL(natsUrl);
    const target = { port: Number(url.port), host: url.hostname };
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    url.port = String((server.address() as AddressInfo).port);
    return new NatsPath(server, url.href, target);
  }

  /** Lets nothing through any more, without a word to either end; what was under way comes after `release`. */
  hold(...which: Direction[]): void {
    for (const direction of which.length > 0 ? which : directions) this.held.add(direction);
    this.apply();
  }

  release(): void {
    this.held.clear();
    this.apply();
  }

  /** Breaks all connections, and loses what was under way. */
  tear(): void {
    for (const { toGuard, toServer } of this.pairs) {
      toGuard.destroy();
      toServer.destroy();
    }
  }

  async close(): Promise<void> {
    this.tear();
    if (!this.server.listening) return;
    this.server.close();
    await once(this.server, 'close');
  }

  private join(guardSide: Socket): void {
    const serverSide = connect(this.target);
    const pair = { toGuard: serverSide, toServer: guardSide };
    this.pairs.add(pair);
    for (const [from, to] of [
      [guardSide, serverSide],
      [serverSide, guardSide],
    ] as const) {
      from.setNoDelay(true);
      from.on('data', (chunk) => to.write(chunk));
      from.on('error', () => undefined);
      from.once('close', () => {
        this.pairs.delete(pair);
        to.destroy();
      });
    }
    this.apply();
  }

  /** What is not read stays in the kernel's buffers, and then in the sender's. */
  private apply(): void {
    for (const pair of this.pairs) {
      for (const direction of directions) {
        if (this.held.has(direction)) pair[direction].pause();
        else pair[direction].resume();
      }
    }
  }
}
