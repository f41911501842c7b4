// Runs on whatever Node npm runs on (20 or newer): installs and builds what is missing, then hands over to the pinned
// Node. Usage: node tools/bootstrap.mjs install [folder] | build | run <file of dist> [arguments] | jest [arguments]
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { build, root } from './build.mjs';
import { install, installFolder, pinnedNode } from './install.mjs';

const [task, ...args] = process.argv.slice(2);
try {
  if (Number(process.versions.node.split('.')[0]) < 20) {
    throw new Error(`Tokenlog needs Node 20 or newer to start; this is ${process.version}.`);
  }
  await install();
  if (task === 'install' && args[0]) await installFolder(args[0]);
  // Jest compiles for itself; its specs that start programs build them first.
  if (task !== 'install' && task !== 'jest') await build();
  if (task === 'run')
    process.exitCode = await run(['--enable-source-maps', join(root, 'dist', args[0]), ...args.slice(1)]);
  else if (task === 'jest') process.exitCode = await run([...jestOptions(), ...args]);
  else if (task !== 'install' && task !== 'build') throw new Error(`bootstrap: no task ${task}`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

function jestOptions() {
  const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  return ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', jest];
}

/** The parent of a process; undefined where there is no /proc. */
function parentOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
  } catch {
    return undefined;
  }
}

/** Runs the pinned Node to its end, passing signals on, and answers its exit code. */
function run(nodeArgs) {
  const file = nodeArgs.find((arg) => arg.endsWith('.js'));
  if (file && !existsSync(file)) throw new Error(`${file} does not exist.`);
  // The channel carries nothing: it closes when this process is killed, which tells the other to stop.
  const child = spawn(pinnedNode, nodeArgs, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  const pass = (signal) => child.kill(signal);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, pass);

  // npm, killed without a chance to pass the signal on, leaves this process or its shell to another parent.
  const lineage = () => `${process.ppid} ${parentOf(process.ppid)}`;
  const atFirst = lineage();
  const underNpm = process.env.npm_lifecycle_event !== undefined;
  const watch = setInterval(() => underNpm && lineage() !== atFirst && child.kill('SIGTERM'), 500);
  watch.unref();

  return new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(`The pinned Node does not start: ${error.message}`);
      resolve(1);
    });
    child.on('close', (code, signal) => {
      clearInterval(watch);
      resolve(code ?? 128 + (constants.signals[signal] ?? 0));
    });
  });
}
