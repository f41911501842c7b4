import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json, from `tools` and from `dist/tools` alike. */
export const root = findRoot(dirname(fileURLToPath(import.meta.url)));

/** Where the compiled programs are. */
export const dist = join(root, 'dist');

function findRoot(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder;
  if (dirname(folder) === folder) throw new Error('There is no package.json above the tools.');
  return findRoot(dirname(folder));
}
