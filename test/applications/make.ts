import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../../tools/paths.js';

const execute = promisify(execFile);
/** What compiles and tests an application; the template's tools for formatting and the like have nothing to do with it. */
const NEEDED = /^(@nestjs\/testing|@types\/(express|jest|node|supertest)|jest|ts-jest|ts-node|supertest|typescript)$/;

/** A version of Nest that the guard is tried in. */
export interface Version {
  readonly nest: number;
  /** Of @nestjs/schematics, which has the templates of `nest new`. */
  readonly templates: string;
  /** Of a Node that is installed beside it; `null`: this one. */
  readonly node: string | null;
}

/**
 * Makes in `folder` the application that `nest new` makes (CommonJS, with Jest), with what test/applications locks for that
 * version of Nest, and installs the packed guard in it as a stranger would.
 */
export async function makeApplication(
  folder: string,
  { nest, templates, node }: Version,
  guard: string,
): Promise<void> {
  const { stdout } = await npm(
    folder,
    'pack',
    '--prefer-offline',
    '--loglevel=error',
    `@nestjs/schematics@${templates}`,
  );
  await execute('tar', ['-xzf', stdout.trim(), 'package/dist/lib/application/files/ts'], { cwd: folder });
  await cp(join(folder, 'package/dist/lib/application/files/ts'), folder, { recursive: true });
  await rm(join(folder, 'package'), { recursive: true });
  await fillIn(folder);
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const needed = Object.entries(manifest.devDependencies).filter(([name]) => NEEDED.test(name));
  manifest.devDependencies = Object.fromEntries(needed);
  if (node !== null) manifest.devDependencies[nodePackage] = node;
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  await cp(join(root, 'test/applications', `nest-${nest}.lock.json`), join(folder, 'package-lock.json'));
  await npm(folder, 'install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', guard);
}

/** Whole Nodes as packages, which `npm install node` chooses from. */
export const nodePackage = `node-${process.platform}-${process.arch}`;

/** The Node that an application runs on. */
export function nodeOf(folder: string, { node }: Version): string {
  return node === null ? process.execPath : join(folder, 'node_modules', nodePackage, 'bin', 'node');
}

/** What `nest new` would write in a template's gaps. */
async function fillIn(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.(ts|json)$/.test(entry.name)) continue;
    const file = join(entry.parentPath, entry.name);
    const text = await readFile(file, 'utf8');
    const filled = text
      .replaceAll(/<% if \(\w+\) \{ %>.*?<% \} %>/gs, '')
      .replaceAll('<%= strict %>', 'true')
      .replaceAll(/<%= (\w+) %>/g, (_, name: string) => (name === 'specFileSuffix' ? 'spec' : `${name}-of-test`));
    await writeFile(file, filled);
    if (file.includes('__')) await rename(file, file.replace('__specFileSuffix__', 'spec'));
  }
}

/** npm as a stranger would call it: under `npm test` the environment speaks of this repository. */
export async function npm(folder: string, ...args: string[]) {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^npm_(?!config_)|^npm_config_(local_)?prefix$|^INIT_CWD$/.test(name),
    ),
  );
  await mkdir(folder, { recursive: true });
  return execute('npm', args, { cwd: folder, env, maxBuffer: 16 * 1024 * 1024 });
}
