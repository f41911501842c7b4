import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from '../test/support/eventually.js';
import { type Running, Supervised } from './supervise.js';

const supervised: Supervised<Running>[] = [];
afterEach(async () => {
  await Promise.all(supervised.splice(0).map((part) => part.force()));
});

function supervise(script: string, ready?: () => Promise<void>) {
  const lines: string[] = [];
  const gaveUp: string[] = [];
  const part = new Supervised({
    name: 'sleeper',
    output: (line) => lines.push(line),
    onGiveUp: (line) => gaveUp.push(line),
    launch: async () => {
      const child = spawn(process.execPath, ['-e', script]);
      const exited = once(child, 'exit').then(([code, signal]) => String(signal ?? code));
      return {
        pid: child.pid ?? 0,
        ready: ready?.(),
        exited,
        stop: async () => {
          child.kill();
          await exited;
        },
      };
    },
  });
  supervised.push(part);
  return { part, lines, gaveUp };
}

const forever = 'setInterval(() => {}, 1000)';

test('what dies unasked is launched again', async () => {
  const { part, lines } = supervise(forever);
  const { pid } = await part.start();
  process.kill(pid, 'SIGKILL');
  await eventually(() => part.running !== undefined && part.running.pid !== pid);
  expect(lines).toEqual(['sleeper ended unexpectedly (SIGKILL); starting it again.']);
});

test('what is killed on purpose stays down until it is started', async () => {
  const { part, lines } = supervise(forever);
  const { pid } = await part.start();
  await part.kill('SIGKILL');
  expect([part.running, lines]).toEqual([undefined, []]);
  await part.start();
  expect(part.running?.pid).not.toBe(pid);
});

test('what keeps dying is given up', async () => {
  const { part, gaveUp } = supervise('setTimeout(() => process.exit(3), 20)');
  await part.start();
  await eventually(() => gaveUp.length === 1);
  expect(gaveUp).toEqual(['sleeper ended 5 times within a minute (3); giving up.']);
});

test('a start that is never ready leaves nothing running', async () => {
  const { part } = supervise(forever, () => Promise.reject(new Error('no')));
  await expect(part.start()).rejects.toThrow('no');
  expect(part.running).toBeUndefined();
});
