import { spawnSync } from 'node:child_process';
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { type OutputOptions, type Plugin, type RollupOptions, rollup } from 'rollup';
import { dts } from 'rollup-plugin-dts';
import { dist, root } from './paths.js';

/**
 * Makes the npm package of the guard: what it uses of libs/contracts goes into it, all else stays an import. It has its code as
 * an ES module and as CommonJS, which Nest 10 and 11 have, with source maps and types of both.
 * Usage: pack-auth.js [folder of the package, default dist/packages]
 */
const folder = resolve(process.argv[2] ?? join(dist, 'packages'));
const source = join(root, 'libs', 'auth');
/** What is packed, and nothing of this repository beside it: no script of it runs where it is installed or packed again. */
const stage = join(folder, 'auth');
/** What the types of `testing` take from those of the guard. */
const PUBLIC = '../index.js';

await rm(stage, { recursive: true, force: true });
const code = join(dist, 'libs', 'auth');
const plain = { minifyInternalExports: false, hoistTransitiveImports: false };
await bundle(
  // As swc compiled it, with the decorators' metadata, by which Nest injects.
  { input: { index: join(code, 'index.js'), testing: join(code, 'testing', 'index.js') }, plugins: [mapsOfInputs()] },
  { format: 'es', entryFileNames: '[name].js', chunkFileNames: 'guard.js', sourcemap: true, ...plain },
  // Jest, without a flag, has no import() in CommonJS.
  {
    format: 'cjs',
    entryFileNames: '[name].cjs',
    chunkFileNames: 'guard.cjs',
    sourcemap: true,
    ...plain,
    dynamicImportInCjs: false,
    interop: 'auto',
  },
);
for (const [name, file] of Object.entries({ index: 'index.ts', testing: 'testing/index.ts' })) {
  const plugins = [dts({ tsconfig: join(root, 'tsconfig.json') })];
  await bundle(
    { input: { [name]: join(source, file) }, plugins },
    { format: 'es', entryFileNames: '[name].d.ts', paths: pathTo('./index.js') },
    { format: 'es', entryFileNames: '[name].d.cts', paths: pathTo('./index.cjs') },
  );
}
await copyFile(join(source, 'README.md'), join(stage, 'README.md'));
await copyFile(join(root, 'LICENSE'), join(stage, 'LICENSE'));
const { private: _, ...manifest } = JSON.parse(await readFile(join(source, 'package.json'), 'utf8'));
await writeFile(join(stage, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
pack();

async function bundle(input: RollupOptions, ...outputs: OutputOptions[]): Promise<void> {
  const made = await rollup({
    ...input,
    external: (name, from) =>
      (name === PUBLIC && from?.endsWith('.ts') === true) ||
      (!name.startsWith('.') && !name.startsWith('@tokenlog/') && !isAbsolute(name)),
    onLog: (_level, log) => {
      throw new Error(`@tokenlog/auth: ${log.message}`);
    },
  });
  for (const output of outputs) {
    await made.write({ ...output, dir: join(stage, 'dist'), sourcemapPathTransform: (path) => sourceName(path) });
  }
  await made.close();
}

/** Rollup asks for it by its absolute name. */
function pathTo(types: string): (name: string) => string {
  return (name) => (name === PUBLIC || name === join(source, 'index.js') ? types : name);
}

/** Debuggers show it, with the text that the map holds: no path of the machine that packed it. */
function sourceName(path: string): string {
  return `tokenlog-auth/${path.slice(path.indexOf('libs/') + 'libs/'.length)}`;
}

/** Maps lead to the TypeScript, and not to what swc made of it. */
function mapsOfInputs(): Plugin {
  return {
    name: 'maps-of-inputs',
    async load(id) {
      if (!id.startsWith(dist)) return null;
      return { code: await readFile(id, 'utf8'), map: JSON.parse(await readFile(`${id}.map`, 'utf8')) };
    },
  };
}

function pack(): void {
  const args = ['pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', folder];
  const npm = spawnSync('npm', args, { cwd: stage, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (npm.status !== 0) throw new Error(`npm pack failed: ${npm.error?.message ?? `exit code ${npm.status}`}`);
  console.log(join(folder, npm.stdout.trim()));
}
