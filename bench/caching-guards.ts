import { type Child, startChild } from './child.js';

/** What the process is told. */
export type CachingGuardsMessage =
  | { readonly guards: number }
  | { readonly hold: readonly string[] }
  | { readonly evicted: readonly string[] };

/** When the last of the guards evicted each of some tokens, by `monotonicNow`, in their order. */
export type Evictions = Float64Array;

/** Caching guards in a process of their own, each with a connection of its own. */
export class CachingGuards {
  private constructor(private readonly child: Child) {}

  static async start(natsUrl: string): Promise<CachingGuards> {
    return new CachingGuards(await startChild('caching-guards.js', { natsUrl }));
  }

  get pid(): number {
    return this.child.pid;
  }

  /** Lets so many live, no more and no fewer. */
  async keep(guards: number): Promise<void> {
    await this.child.ask({ guards } satisfies CachingGuardsMessage);
  }

  /** Has every guard verify these credentials, until each answers all of them from memory. */
  async hold(credentials: readonly string[]): Promise<void> {
    await this.child.ask({ hold: credentials } satisfies CachingGuardsMessage);
  }

  /**
   * When these tokens were gone from all memories.
   * @throws Error when one is still held anywhere, or was not evicted by every guard
   */
  evictions(tokens: readonly string[]): Promise<Evictions> {
    return this.child.ask({ evicted: tokens } satisfies CachingGuardsMessage);
  }

  stop(): Promise<void> {
    return this.child.stop();
  }
}
