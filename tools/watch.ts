import { setTimeout as delay } from 'node:timers/promises';

/** A watch over a process by what it does. */
export type Watch = {
  /** Resolves, with what goes on after its name, when no probe was answered for as long as is borne. */
  unanswered: Promise<string>;
  /** While it is paused nothing is missed. */
  pause(): void;
  resume(): void;
  stop(): void;
};

/** What a probe met that will not pass by itself: it is not waited any longer. The message goes on after the name. */
export class Hopeless extends Error {
  override name = 'Hopeless';
}

const EVERY_MS = 1_000;
/** How long one probe may take. In ms. */
const PROBE_MS = 2_000;

/**
 * Probes every second, from when a probe was answered first: a process that waits for another before it does anything is
 * not missed.
 * @param patienceMs how long every probe may fail
 */
export function watch(probe: (signal: AbortSignal) => Promise<unknown>, patienceMs: number): Watch {
  const { promise: unanswered, resolve } = Promise.withResolvers<string>();
  const ending = new AbortController();
  let paused = false;
  let answeredAt: number | undefined;

  const run = async () => {
    while (!ending.signal.aborted) {
      const asked = performance.now();
      const failure = await ask(probe);
      const now = performance.now();
      if (failure === undefined) answeredAt = now;
      // This process was held up itself, and cannot tell whose fault the silence was.
      else if (paused || now - asked > 2 * PROBE_MS) answeredAt &&= now;
      else if (failure instanceof Hopeless || (answeredAt !== undefined && now - answeredAt > patienceMs)) {
        resolve(failure instanceof Hopeless ? failure.message : `lives and does not answer (${failure.message})`);
        return;
      }
      await delay(EVERY_MS, undefined, { signal: ending.signal, ref: false }).catch(() => undefined);
    }
  };
  void run();

  return {
    unanswered,
    pause: () => {
      paused = true;
    },
    resume: () => {
      paused = false;
      answeredAt &&= performance.now();
    },
    stop: () => ending.abort(),
  };
}

/** What went wrong; undefined when it answered. */
async function ask(probe: (signal: AbortSignal) => Promise<unknown>): Promise<Error | undefined> {
  const late = AbortSignal.timeout(PROBE_MS);
  const overdue = new Promise<never>((_, reject) => {
    late.addEventListener('abort', () => reject(new Error(`no answer within ${PROBE_MS / 1_000} s`)), { once: true });
  });
  return Promise.race([probe(late), overdue]).then(
    () => undefined,
    (error: Error) => error,
  );
}
