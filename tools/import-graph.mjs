import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const importing = /^(?:import|export)\s+(?!type\b)(?:([^'"`;]*?)\sfrom\s+)?['"]([^'"]+)['"]/gm;
const importingLater = /\bimport\(\s*['"]([^'"]+)['"]/g;

/**
 * What a source file imports as it runs: files of this repository by their path in it, all else by its name. Imports of
 * types alone are none.
 * @param {string} file its path in the repository
 * @returns {string[]}
 */
export function importsOf(file) {
  const text = readFileSync(join(root, file), 'utf8');
  const names = [...text.matchAll(importing)].filter(([, what = '']) => !isOfTypes(what)).map(([, , name]) => name);
  return [...names, ...[...text.matchAll(importingLater)].map(([, name]) => name)].map((name) => resolve(file, name));
}

/**
 * All that a file imports, by way of others too, with itself.
 * @param {string} file its path in the repository
 * @param {(file: string) => boolean} [passes] whether the imports of a file count; default all
 * @returns {Set<string>}
 */
export function reachedFrom(file, passes = () => true) {
  const reached = new Set();
  const open = [file];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (reached.has(next)) continue;
    reached.add(next);
    if (/\.(ts|mjs|cjs)$/.test(next) && passes(next) && existsSync(join(root, next))) open.push(...importsOf(next));
  }
  return reached;
}

function isOfTypes(what) {
  const names = /^\{([^}]*)\}$/
    .exec(what.trim())?.[1]
    ?.split(',')
    .map((name) => name.trim());
  return names?.filter(Boolean).every((name) => name.startsWith('type ')) ?? false;
}

function resolve(file, name) {
  if (name.startsWith('.')) return posix.join(posix.dirname(file), name).replace(/(?<=\/)([^/]+)\.js$/, '$1.ts');
  const library = /^@tokenlog\/(auth|contracts|platform|event-store)(?:\/(.*))?$/.exec(name);
  if (!library) return name;
  const [, folder, path = 'index.js'] = library;
  return `libs/${folder}/${path === 'testing' ? 'testing/index.js' : path}`.replace(/\.js$/, '.ts');
}
