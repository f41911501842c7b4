import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { dist } from '../tools/paths.js';

/** A process of the bench's own. It answers one message at a time, and ends with this one. */
export interface Child {
  readonly pid: number;
  /** @throws Error with what the process says went wrong */
  ask<Reply>(message: object): Promise<Reply>;
  stop(): Promise<void>;
}

type Answer = { readonly reply: unknown } | { readonly error: string };

/** Starts a program of `dist/bench/processes` and waits until it is ready. `given` is its second argument, as JSON. */
export async function startChild(program: string, given: object): Promise<Child> {
  const child = fork(join(dist, 'bench', 'processes', program), [JSON.stringify(given)], { serialization: 'advanced' });
  const next = async () => {
    const waiting = new AbortController();
    const ended = once(child, 'exit', waiting).then(([code]) => [{ error: `${program} ended with ${code}` }]);
    ended.catch(() => {});
    const [answer] = (await Promise.race([once(child, 'message', waiting), ended])) as [Answer];
    waiting.abort();
    if ('error' in answer) throw new Error(answer.error);
    return answer.reply;
  };
  await next();
  return {
    pid: child.pid as number,
    ask: async <Reply>(message: object) => {
      child.send(message);
      return (await next()) as Reply;
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** In the process itself: says that it is ready, answers what it is asked, and ends when nobody can ask any more. */
export function serveParent(answer: (message: never) => Promise<unknown> = async () => undefined): void {
  process.on('disconnect', () => process.exit());
  process.on('message', (message) => {
    answer(message as never).then(
      (reply) => process.send?.({ reply }),
      (error: Error) => process.send?.({ error: error.stack ?? String(error) }),
    );
  });
  process.send?.({ reply: 'ready' });
}

/** In the process itself: what it was started with. */
export function givenArguments<Given>(): Given {
  return JSON.parse(process.argv[2] ?? '{}') as Given;
}
