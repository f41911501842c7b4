import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { dist } from '../../../tools/paths.js';
import { start } from '../../../tools/processes.js';
import type { Defect, Done, Order, Watched } from './messages.js';
import { NatsPath } from './nats-path.js';
import { now, outcomes, type Verification } from './trace.js';

type OrderOf<Word extends Order['do']> = Omit<Extract<Order, { do: Word }>, 'n'>;

/** A caching guard in a process of its own, behind a path to NATS that can be disturbed. */
export class Guard {
  private orders = 0;
  private readonly waiting = new Map<number, { resolve: (done: Done) => void; reject: (error: Error) => void }>();
  /** What the test itself asked of it, with the moment of sending for its start. */
  private readonly questions: Verification[] = [];

  private constructor(
    readonly name: string,
    readonly path: NatsPath,
    private readonly child: ChildProcess,
  ) {
    child.on('message', (done: Done) => {
      this.waiting.get(done.n)?.resolve(done);
      this.waiting.delete(done.n);
    });
    child.once('exit', (code, signal) => {
      for (const { reject } of this.waiting.values()) reject(new Error(`${name} ended (${signal ?? code})`));
      this.waiting.clear();
    });
  }

  static async start(name: string, natsUrl: string, defect: Defect = 'none'): Promise<Guard> {
    const path = await NatsPath.open(natsUrl);
    const main = join(dist, 'test', 'support', 'promise', 'guard-process.js');
    const child = start(
      { file: process.execPath, args: [main, name, path.url, defect], whenOrphaned: 'SIGKILL' },
      { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], serialization: 'advanced' },
    );
    const guard = new Guard(name, path, child);
    try {
      await new Promise((resolve, reject) => guard.waiting.set(0, { resolve, reject }));
    } catch (error) {
      await path.close();
      throw error;
    }
    return guard;
  }

  /** From now on these are verified all the time, and nothing else. */
  watch(watched: Watched[]): Promise<Done> {
    return this.order<'watch'>({ do: 'watch', watched });
  }

  /** Resolves when each of them has been accepted from memory. */
  warm(): Promise<Done> {
    return this.order<'warm'>({ do: 'warm' });
  }

  /** Resolves when each of them has been accepted or refused so many times more. */
  rounds(count: number): Promise<Done> {
    return this.order<'rounds'>({ do: 'rounds', count });
  }

  /** One verification that starts as this is called, however late the guard comes to it. */
  async ask(watched: Watched): Promise<void> {
    const startedAt = now();
    const { outcome = 0 } = await this.order<'ask'>({ do: 'ask', watched });
    const question = { guard: `${this.name}, asked`, key: watched.key, startedAt, endedAt: now() };
    this.questions.push({ ...question, outcome: outcomes[outcome]! });
  }

  /** What it has verified since this was called last, and what it was asked. */
  async trace(): Promise<Verification[]> {
    const { columns } = await this.order<'trace'>({ do: 'trace' });
    const recorded = Array.from(columns!.keys, (key, index) => ({
      guard: this.name,
      key,
      startedAt: columns!.startedAt[index]!,
      endedAt: columns!.endedAt[index]!,
      outcome: outcomes[columns!.outcomes[index]!]!,
    }));
    return [...recorded, ...this.questions.splice(0)];
  }

  /** SIGSTOP and SIGCONT come back at once. */
  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async kill(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exited = once(this.child, 'exit');
      this.child.kill('SIGKILL');
      await exited;
    }
    await this.path.close();
  }

  private order<Word extends Order['do']>(order: OrderOf<Word>): Promise<Done> {
    const n = ++this.orders;
    const done = new Promise<Done>((resolve, reject) => this.waiting.set(n, { resolve, reject }));
    // Whoever waits for it is told; nobody may be waiting any more.
    done.catch(() => undefined);
    this.child.send({ n, ...order });
    return done;
  }
}
