import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import commonjsPlugin from '@rollup/plugin-commonjs';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { rollup } from 'rollup';
import { Package } from './package.js';
import { dist, root } from './paths.js';

/**
 * Makes the npm package of the command line. All that it uses goes into it, so that installing it fetches nothing: one file for
 * what every call needs, and others for questions and for NATS users, which few do.
 * Usage: pack-cli.js [folder of the package, default dist/packages]
 */
const cli = await Package.begin('cli', 'apps/cli', {
  folder: process.argv[2],
  readme: join(root, 'docs', 'command-line.md'),
});
// Its types are those of its CommonJS form.
const commonjs = commonjsPlugin as unknown as typeof commonjsPlugin.default;
const made = await rollup({
  input: { tokenlog: join(dist, 'apps', 'cli', 'start.js') },
  plugins: [nodeResolve({ exportConditions: ['node'], preferBuiltins: true }), commonjs()],
  onLog: (level, log) => {
    // Of what others wrote, some is unusual and does no harm.
    const isOurs = !log.id?.includes('node_modules') && !log.ids?.some((id) => id.includes('node_modules'));
    const isMissing = ['UNRESOLVED_IMPORT', 'MISSING_EXPORT'].includes(log.code ?? '');
    if (level === 'warn' && (isOurs || isMissing)) throw new Error(`@tokenlog/cli: ${log.message}`);
  },
});
const { output } = await made.write({
  dir: join(cli.stage, 'dist'),
  format: 'es',
  entryFileNames: '[name].js',
  chunkFileNames: '[name].js',
  banner: ({ isEntry }) => (isEntry ? '#!/usr/bin/env node' : ''),
});
await made.close();
await chmod(join(cli.stage, 'dist', 'tokenlog.js'), 0o755);
const modules = output.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []));
await writeFile(join(cli.stage, 'THIRD-PARTY-LICENSES'), await licences(modules));
cli.pack();

/** Those of the packages that modules are of: each asks to be named where its code is. */
async function licences(modules: readonly string[]): Promise<string> {
  const folders = new Set(modules.flatMap((id) => packageFolder(id) ?? []));
  const texts = [...folders].sort().map(async (folder) => {
    const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e(\.|$)/i.test(entry));
    if (!file) throw new Error(`@tokenlog/cli: ${name} comes without the text of its licence.`);
    return `${name} ${version} (${license})\n\n${(await readFile(join(folder, file), 'utf8')).trim()}\n`;
  });
  return (await Promise.all(texts)).join(`\n${'-'.repeat(80)}\n\n`);
}

function packageFolder(id: string): string | undefined {
  const inner = `${sep}node_modules${sep}`;
  const at = id.lastIndexOf(inner);
  if (at < 0) return undefined;
  const [first = '', second = ''] = id.slice(at + inner.length).split(sep);
  const end = first.startsWith('@') ? join(first, second) : first;
  // Rollup marks what a plugin has made of a module by a NUL before its name.
  return join(id.slice(0, at).replace(/^\0/, ''), 'node_modules', end);
}
