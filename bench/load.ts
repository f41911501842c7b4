import { type Child, startChild } from './child.js';

/** Requests over NATS for some time, from so many clients that each wait for their reply. */
export interface LoadTask {
  readonly subject: string;
  /** As given to `prepare`; sent in turn. */
  readonly payloads: string;
  readonly clients: number;
  readonly milliseconds: number;
  /** Any other reply makes the measurement fail. */
  readonly expect: 'active' | 'what was sent' | 'what was sent, in an envelope';
}

export interface LoadResult {
  readonly count: number;
  readonly rate: number;
  /** Latencies in ms. */
  readonly p50: number;
  readonly p99: number;
  readonly percentiles: Readonly<Record<string, number>>;
}

/** What the clients' process is told. */
export type LoadMessage =
  | { readonly task: LoadTask }
  | { readonly payloads: string; readonly content: readonly string[] }
  | { readonly say: 'version' };

/** The clients' process. */
export class Load {
  private constructor(private readonly child: Child) {}

  static async start(natsUrl: string): Promise<Load> {
    return new Load(await startChild('load.js', { natsUrl }));
  }

  get pid(): number {
    return this.child.pid;
  }

  async prepare(payloads: string, content: readonly string[]): Promise<void> {
    await this.ask({ payloads, content });
  }

  run(task: LoadTask): Promise<LoadResult> {
    return this.ask({ task });
  }

  /** The version of the nats-server that it is connected to. */
  serverVersion(): Promise<string> {
    return this.ask({ say: 'version' });
  }

  stop(): Promise<void> {
    return this.child.stop();
  }

  private ask<Reply>(message: LoadMessage): Promise<Reply> {
    return this.child.ask(message);
  }
}
