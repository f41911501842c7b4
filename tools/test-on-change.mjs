// Runs the unit specs, and after each change those that the changed files concern, then the service specs that they concern.
import { spawn } from 'node:child_process';
import { watch } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { root } from './build.mjs';
import { runsFor } from './runs-for.mjs';

/** What an editor writes in one go is one change. In ms. */
const SETTLED_MS = 60;
const changed = new Set();
let news = awaited();
let child;
let isEnding = false;

for (const folder of ['apps', 'libs', 'tools', 'test', 'bench', 'docs']) {
  watch(join(root, folder), { recursive: true }, (_event, name) => {
    if (!name || !/\.(ts|mjs|cjs|sql|json|html|css|svg|md)$/.test(name) || name.includes('node_modules/')) return;
    changed.add(`${folder}/${name}`);
    news.resolve();
  });
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    isEnding = true;
    child?.kill('SIGTERM');
    news.resolve();
  });
}

/** What has not passed since it changed. */
let concerned = new Set();
while (!isEnding) {
  news = awaited();
  for (const file of changed) concerned.add(file);
  changed.clear();
  const hasPassed = await pass(runsFor([...concerned]));
  if (hasPassed) concerned = new Set();
  if (changed.size === 0 && !isEnding) {
    process.stdout.write(`${hasPassed ? 'Passed' : 'Failed'}; waiting for a change.\n`);
    await news.promise;
  }
  if (!isEnding) await delay(SETTLED_MS);
}
process.exit(130);

/** Whether all runs pass; the first that does not is the last, and a change cuts it short. */
async function pass(all) {
  for (const args of all) {
    if (isEnding) return false;
    child = spawn(process.execPath, [join(root, 'tools', 'bootstrap.mjs'), 'jest', ...args], { stdio: 'inherit' });
    const code = new Promise((resolve) => child.once('close', resolve));
    const isCut = await Promise.race([news.promise.then(() => true), code.then(() => false)]);
    if (isCut) child.kill('SIGTERM');
    if ((await code) !== 0 || isCut) return false;
  }
  return true;
}

/** Promise.withResolvers, which Node 20 does not have. */
function awaited() {
  let resolve;
  const promise = new Promise((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
