import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

const sources = ['apps', 'libs', 'tools', 'test', 'bench'];
const copied = /\.(sql|json|html|css|svg)$/;
const ignored = /(\.spec\.tsx?|\.d\.ts|tsconfig.*\.json|package\.json)$/;

/**
 * Compiles to `dist` what changed since the last build and removes what has no source any more. Each file is replaced
 * in one step, so that a process that starts meanwhile never reads half a file.
 * @returns how many files were written
 * @throws Error naming the file that does not compile
 */
export async function build() {
  const configuration = await configurationHash();
  const stamp = join(root, 'dist', '.build');
  const fresh = existsSync(stamp) && (await readFile(stamp, 'utf8')) === configuration;

  const jobs = [];
  for (const folder of sources) {
    for (const source of await filesIn(join(root, folder))) {
      const path = relative(root, source);
      if (ignored.test(path)) continue;
      const compiled = /\.tsx?$/.test(path);
      if (!compiled && !copied.test(path)) continue;
      const target = join(root, 'dist', path.replace(/\.tsx?$/, '.js'));
      jobs.push({ source, target, compiled });
    }
  }
  const stale = [];
  for (const job of jobs) if (!fresh || (await isOlder(job.target, job.source))) stale.push(job);
  await removeAllBut(new Set(jobs.flatMap(({ target }) => [target, `${target}.map`])));
  if (stale.length > 0) {
    const swc = await import('@swc/core');
    await Promise.all(stale.map((job) => (job.compiled ? compile(swc, job) : copy(job))));
  }
  if (!fresh) await replace(stamp, configuration);
  return stale.length;
}

async function configurationHash() {
  const hash = createHash('sha256');
  for (const file of ['.swcrc', 'package.json', 'tools/build.mjs', 'node_modules/@swc/core/package.json']) {
    hash.update(await readFile(join(root, file)));
  }
  return hash.digest('hex');
}

// Node does not find a folder's index by itself, so the alias of a whole library must be written out to its file.
const { $schema: _, ...swcrc } = JSON.parse(readFileSync(join(root, '.swcrc'), 'utf8'));
const options = {
  ...swcrc,
  cwd: root,
  root,
  swcrc: false,
  module: { ...swcrc.module, resolveFully: true },
  jsc: { ...swcrc.jsc, baseUrl: root },
};

async function compile(swc, { source, target }) {
  const before = await stat(source);
  let output;
  try {
    output = await swc.transformFile(source, { ...options, outputPath: target });
  } catch (error) {
    throw new Error(`${relative(root, source)} does not compile:\n${error.message}`);
  }
  const map = `${target}.map`;
  if (output.map) await replace(map, output.map);
  const link = output.map ? `\n//# sourceMappingURL=${map.slice(map.lastIndexOf('/') + 1)}\n` : '';
  await replace(target, output.code + link);
  // A file that changed while it was compiled must count as stale the next time.
  const after = await stat(source);
  if (after.mtimeMs !== before.mtimeMs) await rm(target, { force: true });
}

async function copy({ source, target }) {
  await mkdir(dirname(target), { recursive: true });
  const temporary = `${target}.${process.pid}`;
  await copyFile(source, temporary);
  await rename(temporary, target);
}

async function replace(file, text) {
  await mkdir(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}`;
  await writeFile(temporary, text);
  await rename(temporary, file);
}

async function isOlder(target, source) {
  try {
    return (await stat(target)).mtimeMs <= (await stat(source)).mtimeMs;
  } catch {
    return true;
  }
}

async function removeAllBut(wanted) {
  for (const folder of sources) {
    for (const file of await filesIn(join(root, 'dist', folder))) {
      // Another build's temporary files end in its process id.
      if (!wanted.has(file) && !/\.\d+$/.test(file)) await rm(file, { force: true });
    }
  }
}

async function filesIn(folder) {
  if (!existsSync(folder)) return [];
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((file) => !file.includes('/node_modules/'));
}
