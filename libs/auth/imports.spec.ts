import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const here = dirname(fileURLToPath(import.meta.url));
const libs = join(here, '..');

/** Everything that a module names in `import`, `export … from` and `import()`, types included. */
function importsOf(file: string): string[] {
  return ts.preProcessFile(readFileSync(file, 'utf8'), true, true).importedFiles.map(({ fileName }) => fileName);
}

/** The files that index.ts leads to, and the packages that they name. */
function walk(entry: string): { files: Set<string>; packages: Set<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: string) => {
    if (files.has(file)) return;
    files.add(file);
    for (const name of importsOf(file)) {
      if (name.startsWith('.')) visit(join(dirname(file), name.replace(/\.js$/, '.ts')));
      else if (name.startsWith('@tokenlog/'))
        visit(join(libs, name.slice('@tokenlog/'.length).replace(/\.js$/, '.ts')));
      else packages.add(name);
    }
  };
  visit(entry);
  return { files, packages };
}

/** Each for what only some applications have. */
const OPTIONAL = ['@nestjs/microservices', '@nestjs/terminus', '@nestjs/websockets', 'prom-client'];

const { files, packages } = walk(join(here, 'index.ts'));
const manifest = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));

test('installing the guard pulls in no database, no ORM and no application', () => {
  const folders = new Set([...files].map((file) => relative(libs, file).split('/')[0]));
  expect([...folders].sort()).toEqual(['auth', 'contracts']);
  const all = [
    '@nats-io/transport-node',
    '@nestjs/common',
    '@nestjs/core',
    ...OPTIONAL,
    'cookie',
    'passport',
    'rxjs',
    'zod',
  ];
  expect([...packages].filter((name) => !name.startsWith('node:')).sort()).toEqual(all.sort());
});

test('of the contracts it needs what a verification is and what a guard says, and nothing else', () => {
  const contracts = [...files].map((file) => relative(libs, file)).filter((file) => file.startsWith('contracts'));
  expect(contracts.sort()).toEqual([
    'contracts/address.ts',
    'contracts/credential.ts',
    'contracts/folded-name.ts',
    'contracts/guard/acknowledged.ts',
    'contracts/guard/guard-name.ts',
    'contracts/guard/heartbeat.ts',
    'contracts/guard/invalidate.ts',
    'contracts/guard/uses.ts',
    'contracts/instant.ts',
    'contracts/message.ts',
    'contracts/nats-url.ts',
    'contracts/parse-message.ts',
    'contracts/problems.ts',
    'contracts/read-instant.ts',
    'contracts/tokens/verify.ts',
  ]);
});

test('its package.json names what it imports, and nothing more', () => {
  const named = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
  const imported = [...packages].filter((name) => !name.startsWith('node:'));
  expect(named.sort()).toEqual(imported.sort());
  expect(Object.keys(manifest.peerDependenciesMeta)).toEqual(OPTIONAL);
});

test.each(OPTIONAL)('%s is loaded by those who have it', (name) => {
  for (const file of files)
    expect(readFileSync(file, 'utf8')).not.toMatch(new RegExp(`^import (?!type ).*'${name}'`, 'm'));
});

test('every file is reached from index.ts, but for specs and their helpers', () => {
  const sources = readdirSync(here).filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts'));
  for (const name of sources) expect(files).toContain(join(here, name));
  for (const file of files) expect(existsSync(file)).toBe(true);
});
