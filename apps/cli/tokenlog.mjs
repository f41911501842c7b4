#!/usr/bin/env node
// The command `tokenlog`, on whatever Node runs it: hands over to the compiled program, on the pinned Node where this one
// is older than the program needs. A checkout that was never built is built first.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const NEEDS = [20, 15];
const path = (name) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const main = path('dist/apps/cli/main.js');

if (!existsSync(main)) {
  const code = await run(process.execPath, [path('tools/bootstrap.mjs'), 'build'], ['ignore', 2, 2]);
  if (code !== 0) process.exit(code);
}
const [major, minor] = process.versions.node.split('.').map(Number);
if (major > NEEDS[0] || (major === NEEDS[0] && minor >= NEEDS[1])) await import(new URL(`file://${main}`).href);
else process.exitCode = await run(path('node_modules/.bin/node'), [main, ...process.argv.slice(2)], 'inherit');

/** Runs a program to its end, passing signals on, and answers its exit code. */
function run(file, args, stdio) {
  const child = spawn(file, args, { stdio });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => {
    child.on('error', (error) => {
      process.stderr.write(`tokenlog: ${file} does not start: ${error.message}\n`);
      resolve(1);
    });
    child.on('close', (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
}
