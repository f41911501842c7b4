import { type Child, startChild } from './child.js';
import type { LoadResult } from './load.js';

export interface HttpRequest {
  readonly method?: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Requests over HTTP for some time, on so many connections that each wait for their response. */
export interface HttpLoadTask {
  readonly url: string;
  /** As given to `prepare`; sent in turn. */
  readonly requests: string;
  readonly clients: number;
  readonly milliseconds: number;
  /** Any other status, or a body without this text, makes the measurement fail. */
  readonly expect: { readonly status: number; readonly body?: string };
}

/** What the process is told. */
export type HttpLoadMessage =
  | { readonly task: HttpLoadTask }
  | { readonly requests: string; readonly content: readonly HttpRequest[] };

/** HTTP clients, in a process of their own. */
export class HttpLoad {
  private constructor(private readonly child: Child) {}

  static async start(): Promise<HttpLoad> {
    return new HttpLoad(await startChild('http-load.js', {}));
  }

  get pid(): number {
    return this.child.pid;
  }

  async prepare(requests: string, content: readonly HttpRequest[]): Promise<void> {
    await this.child.ask({ requests, content } satisfies HttpLoadMessage);
  }

  run(task: HttpLoadTask): Promise<LoadResult> {
    return this.child.ask({ task } satisfies HttpLoadMessage);
  }

  stop(): Promise<void> {
    return this.child.stop();
  }
}
