import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testFolder } from '../test/support/folder.js';
import { takeDataDir } from './data-dir.js';
import { identify } from './processes.js';

const sleeper = () => spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);

test('a folder that is in use is refused, and can be taken when it is released', async () => {
  const folder = await testFolder('data');
  const first = await takeDataDir(folder);
  await expect(takeDataDir(folder)).rejects.toThrow(`is in use by process ${process.pid}`);
  first.release();
  (await takeDataDir(folder)).release();
});

test('the lock of a process that ended is taken over, even if its id is another’s now', async () => {
  const folder = await testFolder('data');
  writeFileSync(join(folder, 'start.lock'), JSON.stringify({ pid: process.pid, startedAt: 'long ago' }));
  (await takeDataDir(folder)).release();
  writeFileSync(join(folder, 'start.lock'), 'half writ');
  (await takeDataDir(folder)).release();
  expect(existsSync(join(folder, 'start.lock'))).toBe(false);
});

test('what a killed start left running is ended; a stranger with the same process id is not', async () => {
  const folder = await testFolder('data');
  const [leftover, stranger] = [sleeper(), sleeper()];
  const ended = once(leftover, 'exit');
  const noted = {
    tokens: identify(leftover.pid ?? 0),
    identity: { pid: stranger.pid, startedAt: 'long ago' },
  };
  writeFileSync(join(folder, 'processes.json'), JSON.stringify(noted));
  const dataDir = await takeDataDir(folder);
  await ended;
  expect(identify(stranger.pid ?? 0)).toBeDefined();
  dataDir.release();
  stranger.kill();
});
