import { setTimeout as delay } from 'node:timers/promises';

const INTERVAL_MS = 20;

/**
 * Calls `check` until it neither throws nor returns `false`, and resolves to what it returned.
 * @param options.timeoutMs how long to go on; default 10 s
 * @throws what the last call threw, or that it went on returning `false`
 */
export async function eventually<Result>(
  check: () => Result | Promise<Result>,
  { timeoutMs = 10_000 }: { timeoutMs?: number } = {},
): Promise<Result> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      const result = await check();
      if (result !== false) return result;
      if (performance.now() >= deadline) throw new Error(`not so after ${timeoutMs} ms: ${check}`);
    } catch (error) {
      if (performance.now() >= deadline) throw error;
    }
    await delay(INTERVAL_MS);
  }
}
