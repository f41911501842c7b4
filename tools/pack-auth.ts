import { isAbsolute, join } from 'node:path';
import { type OutputOptions, type RollupOptions, rollup } from 'rollup';
import { dts } from 'rollup-plugin-dts';
import { mapsOfInputs, Package } from './package.js';
import { dist, root } from './paths.js';

/**
 * Makes the npm package of the guard: what it uses of libs/contracts goes into it, all else stays an import. It has its code as
 * an ES module and as CommonJS, which Nest 10 and 11 have, with source maps and types of both.
 * Usage: pack-auth.js [folder of the package, default dist/packages]
 */
const auth = await Package.begin('auth', 'libs/auth', { folder: process.argv[2] });
const { stage, source } = auth;
/** What the types of `testing` take from those of the guard. */
const PUBLIC = '../index.js';

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
auth.pack();

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
