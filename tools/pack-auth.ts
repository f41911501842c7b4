import { spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type RollupOptions, rollup } from 'rollup';
import { dts } from 'rollup-plugin-dts';
import { dist, root } from './paths.js';

/**
 * Makes the npm package of the guard: what it uses of libs/contracts goes into it, all else stays an import.
 * Usage: pack-auth.js [folder of the package, default dist/packages] | --only-bundle
 */
const { values, positionals } = parseArgs({
  options: { 'only-bundle': { type: 'boolean', default: false } },
  allowPositionals: true,
});
const source = join(root, 'libs', 'auth');

await bundle({
  // As swc compiled it, with the decorators' metadata, by which Nest injects.
  input: join(dist, 'libs', 'auth', 'index.js'),
  output: { file: join(source, 'dist', 'index.js') },
});
await bundle({
  input: join(source, 'index.ts'),
  output: { file: join(source, 'dist', 'index.d.ts') },
  plugins: [dts({ tsconfig: join(root, 'tsconfig.json') })],
});
if (!values['only-bundle']) await pack(resolve(positionals[0] ?? join(dist, 'packages')));

async function bundle({ output, ...input }: RollupOptions & { output: { file: string } }): Promise<void> {
  const made = await rollup({
    ...input,
    external: (name) => !name.startsWith('.') && !name.startsWith('@tokenlog/') && !isAbsolute(name),
    onLog: (_level, log) => {
      throw new Error(`${output.file}: ${log.message}`);
    },
  });
  await made.write(output);
  await made.close();
}

async function pack(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const args = ['pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', folder];
  const npm = spawnSync('npm', args, { cwd: source, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (npm.status !== 0) throw new Error(`npm pack failed: ${npm.error?.message ?? `exit code ${npm.status}`}`);
  console.log(join(folder, npm.stdout.trim()));
}
