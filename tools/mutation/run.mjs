// Usage: npm run test:mutation [-- file,file]: mutates those files, or all of them, and compares what survives with docs/mutation.md.
import { spawnSync } from 'node:child_process';
import { pinnedNode } from '../install.mjs';

const [files] = process.argv.slice(2);
run([
  'node_modules/@stryker-mutator/core/bin/stryker.js',
  'run',
  'tools/mutation/stryker.config.mjs',
  ...(files ? ['--mutate', files] : []),
]);
run(['tools/mutation/survivors.mjs']);

function run(args) {
  const { status } = spawnSync(pinnedNode, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
