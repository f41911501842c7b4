import { spawn } from 'node:child_process';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import { root } from './build.mjs';

/** The Node that the project is pinned to, out of the development dependencies. */
export const pinnedNode = join(root, 'node_modules', '.bin', 'node');

/**
 * Installs the locked dependencies of the project unless they are all there already, and with them the pinned Node.
 * @throws Error with one line when `npm ci` fails
 */
export async function install() {
  if (existsSync(pinnedNode) && isInstalled(root)) return;
  await installLocked(root, ['--include=dev']);
  if (!existsSync(pinnedNode)) {
    throw new Error('npm ran no install scripts, so the pinned Node is missing: run `npm ci --ignore-scripts=false`.');
  }
}

/**
 * The same for a folder with a lockfile of its own, none of whose packages needs its install scripts.
 * @throws Error with one line when `npm ci` fails
 */
export async function installFolder(name) {
  const folder = join(root, name);
  if (!isInstalled(folder)) await installLocked(folder, ['--ignore-scripts']);
}

async function installLocked(folder, options) {
  if (lstatSync(join(folder, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink()) {
    // npm would empty the folder behind the link, which is another checkout's.
    throw new Error('node_modules is a link, and does not hold what is locked here: remove the link first.');
  }
  const which = folder === root ? '' : ` of ${relative(root, folder)}`;
  console.error(`Installing the locked dependencies${which} (npm ci). This takes a minute or two the first time.`);
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const progress = process.stderr.isTTY ? undefined : setInterval(() => console.error(`  … ${seconds()} s`), 10_000);
  // npm must not run on the Node that it is about to replace.
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
  const code = await new Promise((resolve) => {
    const child = spawn('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error', ...options], {
      cwd: folder,
      stdio: ['ignore', 2, 2],
      env: { ...process.env, PATH: folders.join(delimiter) },
    });
    child.on('error', () => resolve(1));
    child.on('close', resolve);
  });
  clearInterval(progress);
  if (code !== 0) throw new Error('npm ci failed: see its lines above.');
  console.error(`Installed in ${seconds()} s.`);
}

/** Compares what npm noted that it installed with the lockfile; dates say nothing after a `git checkout`. */
function isInstalled(folder) {
  let installed;
  try {
    installed = JSON.parse(readFileSync(join(folder, 'node_modules', '.package-lock.json'), 'utf8')).packages;
  } catch {
    return false;
  }
  const locked = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(locked).every(([path, wanted]) => {
    if (!path.startsWith('node_modules/') || wanted.link) return true;
    const found = installed[path];
    // Optional packages of other platforms are locked and never installed.
    if (!found) return wanted.optional === true || wanted.peer === true || wanted.devOptional === true;
    return found.version === wanted.version && found.integrity === wanted.integrity;
  });
}
