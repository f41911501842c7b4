import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../test/support/eventually.js';
import { type Running, Supervised } from './supervise.js';
import { Hopeless } from './watch.js';

const supervised: Supervised<Running>[] = [];
afterEach(async () => {
  await Promise.all(supervised.splice(0).map((part) => part.force()));
});

function supervise(script: string, more: Partial<Running> & { patienceMs?: number } = {}) {
  const lines: string[] = [];
  const part = new Supervised({
    name: 'sleeper',
    output: (line) => lines.push(line),
    patienceMs: more.patienceMs,
    launch: async () => {
      const child = spawn(process.execPath, ['-e', script]);
      const exited = once(child, 'exit').then(([code, signal]) => String(signal ?? code));
      return {
        pid: child.pid ?? 0,
        ready: more.ready,
        probe: more.probe,
        exited,
        stop: async () => {
          child.kill();
          await exited;
        },
      };
    },
  });
  supervised.push(part);
  return { part, lines };
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

test('what keeps dying is never given up; each death is waited after for longer, and said', async () => {
  const { part, lines } = supervise('setTimeout(() => process.exit(3), 20)');
  await part.start();
  await eventually(() => lines.length === 6, { timeoutMs: 30_000 });
  expect(lines).toEqual([
    ...Array(2).fill('sleeper ended unexpectedly (3); starting it again.'),
    'sleeper ended unexpectedly (3); starting it again in 1 s.',
    'sleeper ended unexpectedly (3); starting it again in 2 s.',
    'sleeper ended unexpectedly (3); starting it again in 4 s.',
    'sleeper ended unexpectedly (3); starting it again in 8 s.',
  ]);
});

test('what lives and does not answer is ended and launched again', async () => {
  let silent: number | undefined;
  const probe = () => (part.running?.pid === silent ? Promise.reject(new Error('silence')) : Promise.resolve());
  const { part, lines } = supervise(forever, { probe, patienceMs: 1_000 });
  const { pid } = await part.start();
  await delay(100);
  silent = pid;
  await eventually(() => part.running !== undefined && part.running.pid !== pid, { timeoutMs: 30_000 });
  expect(lines).toEqual(['sleeper lives and does not answer (silence); starting it again.']);
});

test('what is known not to answer again is not waited for', async () => {
  let silent: number | undefined;
  const why = new Hopeless('has what it needs again');
  const probe = () => (part.running?.pid === silent ? Promise.reject(why) : Promise.resolve());
  const { part, lines } = supervise(forever, { probe });
  const { pid } = await part.start();
  silent = pid;
  await eventually(() => part.running !== undefined && part.running.pid !== pid, { timeoutMs: 30_000 });
  expect(lines).toEqual(['sleeper has what it needs again; starting it again.']);
});

test('what is stopped on purpose is not missed until it goes on', async () => {
  let stopped = false;
  let asked = 0;
  const probe = () => {
    asked++;
    return stopped ? Promise.reject(new Error('stopped')) : Promise.resolve();
  };
  const { part, lines } = supervise(forever, { probe, patienceMs: 500 });
  const { pid } = await part.start();
  await eventually(() => asked > 0);
  await part.kill('SIGSTOP');
  stopped = true;
  const before = asked;
  await eventually(() => asked > before + 3);
  expect([part.running?.pid, lines]).toEqual([pid, []]);
  stopped = false;
  await part.kill('SIGCONT');
});

test('what has not answered yet is not missed: it waits for another', async () => {
  let asked = 0;
  const probe = () => {
    asked++;
    return Promise.reject(new Error('not yet'));
  };
  const { part, lines } = supervise(forever, { probe, patienceMs: 500 });
  await part.start();
  await eventually(() => asked > 3);
  expect(lines).toEqual([]);
});

test('a start that is never ready leaves nothing running', async () => {
  const { part } = supervise(forever, { ready: Promise.reject(new Error('no')) });
  await expect(part.start()).rejects.toThrow('no');
  expect(part.running).toBeUndefined();
});
