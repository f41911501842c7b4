import { spawn } from 'node:child_process';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { root } from './build.mjs';

/** The Node that the project is pinned to, out of the development dependencies. */
export const pinnedNode = join(root, 'node_modules', '.bin', 'node');

/**
 * Installs the locked dependencies unless they are all there already.
 * @throws Error with one line when `npm ci` fails
 */
export async function install() {
  if (isInstalled()) return;
  if (lstatSync(join(root, 'node_modules'), { throwIfNoEntry: false })?.isSymbolicLink()) {
    // npm would empty the folder behind the link, which is another checkout's.
    throw new Error('node_modules is a link, and does not hold what is locked here: remove the link first.');
  }
  console.error('Installing the locked dependencies (npm ci). This takes a minute or two the first time.');
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const progress = process.stderr.isTTY ? undefined : setInterval(() => console.error(`  … ${seconds()} s`), 10_000);
  // npm must not run on the Node that it is about to replace.
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
  const code = await new Promise((resolve) => {
    const child = spawn('npm', ['ci', '--no-audit', '--no-fund', '--include=dev', '--loglevel=error'], {
      cwd: root,
      stdio: ['ignore', 2, 2],
      env: { ...process.env, PATH: folders.join(delimiter) },
    });
    child.on('error', () => resolve(1));
    child.on('close', resolve);
  });
  clearInterval(progress);
  if (code !== 0) throw new Error('npm ci failed: see its lines above.');
  console.error(`Installed in ${seconds()} s.`);
  if (!existsSync(pinnedNode)) {
    throw new Error('npm ran no install scripts, so the pinned Node is missing: run `npm ci --ignore-scripts=false`.');
  }
}

/** Compares what npm noted that it installed with the lockfile; dates say nothing after a `git checkout`. */
function isInstalled() {
  if (!existsSync(pinnedNode)) return false;
  let installed;
  try {
    installed = JSON.parse(readFileSync(join(root, 'node_modules', '.package-lock.json'), 'utf8')).packages;
  } catch {
    return false;
  }
  const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(locked).every(([path, wanted]) => {
    if (!path.startsWith('node_modules/') || wanted.link) return true;
    const found = installed[path];
    // Optional packages of other platforms are locked and never installed.
    if (!found) return wanted.optional === true || wanted.peer === true || wanted.devOptional === true;
    return found.version === wanted.version && found.integrity === wanted.integrity;
  });
}
