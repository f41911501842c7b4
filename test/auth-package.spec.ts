import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { dist, root } from '../tools/paths.js';
import { start } from '../tools/processes.js';
import { type System, startSystem } from '../tools/system.js';
import { httpClient } from '../tools/tour/client.js';
import { npm } from './applications/make.js';
import { newDataDir } from './support/data-dir.js';
import { testFolder } from './support/folder.js';

const execute = promisify(execFile);
const SETUP_MS = 180_000;
const ADMIN_PASSWORD = 'package-admin-password';
const manifestOf = (folder: string) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

let tarball: string;
/** An application that knows of Tokenlog what its package says. */
let folder: string;
let system: System;
let app: ChildProcess;

/** The packages of the application, by their places in its node_modules. */
let installed: string[];
/** What tsc prints about the application and about a file with a mistake. */
let diagnostics: string[];

beforeAll(async () => {
  const env = { ...process.env, ADMIN_PASSWORD, DATABASE_URL: '', NATS_URL: '' };
  const [started, made] = await Promise.allSettled([
    newDataDir('package-system').then((dataDir) => startSystem({ dataDir, ports: 'free', fsync: false, env })),
    makeApplication(),
  ]);
  if (started.status === 'fulfilled') system = started.value;
  for (const outcome of [started, made]) if (outcome.status === 'rejected') throw outcome.reason;
}, SETUP_MS);

afterAll(async () => {
  if (app?.exitCode === null && app.signalCode === null) {
    app.kill();
    await once(app, 'close');
  }
  await system?.stop();
});

async function makeApplication(): Promise<void> {
  const packages = await testFolder('packages');
  const { stdout } = await execute(process.execPath, [join(dist, 'tools', 'pack-auth.js'), packages]);
  tarball = stdout.trim();

  folder = await testFolder('empty-nest-app');
  const { dependencies, devDependencies } = manifestOf(root);
  const nest = ['@nestjs/common', '@nestjs/core', '@nestjs/platform-express', 'reflect-metadata', 'rxjs'];
  await writeJson('package.json', {
    private: true,
    type: 'module',
    dependencies: Object.fromEntries(nest.map((name) => [name, dependencies[name]])),
    devDependencies: { '@types/node': devDependencies['@types/node'] },
  });
  await npm(folder, 'install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', tarball);
  const { packages: places } = JSON.parse(await readFile(join(folder, 'package-lock.json'), 'utf8'));
  installed = Object.keys(places);

  const readme = await readFile(join(folder, 'node_modules/@tokenlog/auth/README.md'), 'utf8');
  await mkdir(join(folder, 'src'));
  await writeFile(join(folder, 'src/app.module.ts'), /```ts\n(.*?)```/s.exec(readme)?.[1] ?? '');
  await writeFile(
    join(folder, 'src/main.ts'),
    `import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';

const app = await NestFactory.create(AppModule, { logger: ['warn', 'error', 'fatal'] });
await app.listen(0, '127.0.0.1');
console.log(await app.getUrl());
`,
  );
  await writeFile(
    join(folder, 'src/mistake.ts'),
    "import { AuthModule } from '@tokenlog/auth';\nAuthModule.forRoot({ nats: 'nats://host', servcie: 'reports' });\n",
  );
  await writeJson('tsconfig.json', {
    compilerOptions: {
      target: 'es2023',
      module: 'nodenext',
      strict: true,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      types: ['node'],
      rootDir: 'src',
      outDir: 'dist',
    },
    include: ['src'],
  });
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const said = await execute(process.execPath, [tsc, '--pretty', 'false'], { cwd: folder }).catch((error) => error);
  diagnostics = said.stdout.split('\n').filter((line: string) => line.includes(': error TS'));
}

const writeJson = (name: string, value: object) => writeFile(join(folder, name), JSON.stringify(value, null, 2));

test('the packed file holds the code as both kinds of module, maps, types, README and licence, and nothing else', async () => {
  const { version } = manifestOf(join(root, 'libs/auth'));
  expect(tarball).toMatch(new RegExp(`[\\\\/]tokenlog-auth-${version.replaceAll('.', '\\.')}\\.tgz$`));
  const { stdout } = await execute('tar', ['-tzf', tarball]);
  expect(stdout.trim().split('\n').sort()).toEqual([
    'package/LICENSE',
    'package/README.md',
    'package/dist/guard.cjs',
    'package/dist/guard.cjs.map',
    'package/dist/guard.js',
    'package/dist/guard.js.map',
    'package/dist/index.cjs',
    'package/dist/index.cjs.map',
    'package/dist/index.d.cts',
    'package/dist/index.d.ts',
    'package/dist/index.js',
    'package/dist/index.js.map',
    'package/dist/testing.cjs',
    'package/dist/testing.cjs.map',
    'package/dist/testing.d.cts',
    'package/dist/testing.d.ts',
    'package/dist/testing.js',
    'package/dist/testing.js.map',
    'package/package.json',
  ]);
});

test('its licence is that of its manifest, and no script of it needs this repository', () => {
  const place = join(folder, 'node_modules/@tokenlog/auth');
  const manifest = manifestOf(place);
  expect(manifest).toMatchObject({ license: 'MIT', engines: { node: '>=20.15' } });
  expect(readFileSync(join(place, 'LICENSE'), 'utf8')).toMatch(/^MIT License/);
  expect(readFileSync(join(place, 'LICENSE'), 'utf8')).toBe(readFileSync(join(root, 'LICENSE'), 'utf8'));
  expect(manifest.scripts).toBeUndefined();
  expect(manifest.private).toBeUndefined();
  for (const name of ['@nestjs/common', '@nestjs/core', '@nestjs/microservices', '@nestjs/websockets']) {
    expect(manifest.peerDependencies[name]).toBe('^10.0.0 || ^11.0.0 || ^12.0.0');
  }
});

test.each(['guard.js', 'guard.cjs', 'testing.js'])('the map of %s leads to TypeScript, which it holds', (file) => {
  const place = join(folder, 'node_modules/@tokenlog/auth/dist');
  expect(readFileSync(join(place, file), 'utf8')).toMatch(new RegExp(`//# sourceMappingURL=${file}\\.map\\s*$`));
  const map = JSON.parse(readFileSync(join(place, `${file}.map`), 'utf8'));
  expect(map.sources.length).toBeGreaterThan(0);
  for (const source of map.sources) expect(source).toMatch(/^tokenlog-auth\/(auth|contracts)\/.*\.ts$/);
  expect(map.sourcesContent).toHaveLength(map.sources.length);
  expect(JSON.stringify(map)).not.toContain(root);
});

test('neither its manifest nor its code names a package that is not there', () => {
  const place = join(folder, 'node_modules/@tokenlog/auth');
  const { dependencies, peerDependencies } = manifestOf(place);
  const named = Object.keys({ ...dependencies, ...peerDependencies });
  expect(named).not.toContain('@tokenlog/contracts');
  for (const file of ['guard.js', 'guard.cjs', 'index.d.ts', 'index.d.cts', 'testing.js', 'testing.cjs']) {
    const code = readFileSync(join(place, 'dist', file), 'utf8');
    const imports = [...code.matchAll(/^import .* from '(.*)';$|\b(?:import|require)\('(.*?)'\)/gm)].map(
      ([, from, dynamic]) => from ?? dynamic ?? '',
    );
    expect(imports.length).toBeGreaterThan(1);
    expect(imports.filter((name) => !/^(node:|\.\/)/.test(name) && !named.includes(name))).toEqual([]);
  }
});

test('installing it brings no database, no ORM, no CQRS and no other part of Tokenlog', () => {
  const names = installed.map((place) => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length));
  expect(names).toEqual(expect.arrayContaining(['@tokenlog/auth', '@nats-io/transport-node', 'passport']));
  const heavy = /^(pg|pg-.*|kysely|knex|@mikro-orm\/.*|typeorm|@nestjs\/cqrs|@tokenlog\/(?!auth$).*)$/;
  expect(names.filter((name) => heavy.test(name))).toEqual([]);
});

test('passport is there once: a strategy is found by its name in one place', () => {
  expect(installed.filter((place) => /(^|\/)node_modules\/passport$/.test(place))).toEqual(['node_modules/passport']);
});

test('its types hold: the five lines compile, its declarations do, and a mistake does not', () => {
  const ofOthers = /^node_modules\/(?!@tokenlog\/)/;
  const ours = diagnostics.filter((line) => !ofOthers.test(line));
  expect(ours).toEqual([expect.stringMatching(/^src\/mistake\.ts\(2,.*servcie/)]);
});

test('the five lines answer 200 with a token and 401 without one, against a real system', async () => {
  const silent = { step: () => {}, call: () => {} };
  const identity = httpClient('identity', system.identity.url, silent);
  const tokens = httpClient('tokens', system.tokens.url, silent);
  const login = await identity('POST', '/login', { json: { username: 'admin', password: ADMIN_PASSWORD } });
  const create = async (scope: string) => {
    const json = { description: 'of the packed guard', scopes: [scope], password: ADMIN_PASSWORD };
    const answer = await tokens('POST', '/tokens', { as: login.body.session.credential, json });
    expect(answer.status).toBe(201);
    return answer.body.secret as string;
  };

  const reports = httpClient('reports', await startApplication(), silent);
  const secret = await create('rest');
  expect(await reports('GET', '/reports', { as: secret })).toMatchObject({ status: 200, body: { reportsOf: 'admin' } });
  const missing = await reports('GET', '/reports');
  expect(missing).toMatchObject({ status: 401, body: { code: 'credential-missing' } });
  expect(missing.headers.get('www-authenticate')).toBe(
    'Bearer realm="reports", Basic realm="reports", charset="UTF-8"',
  );
  expect(missing.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  const other = await create('other');
  expect(await reports('GET', '/reports', { as: other })).toMatchObject({ status: 403, body: { code: 'scope' } });
});

/** Runs the application in its own folder, with its own dependencies, and returns its address. */
async function startApplication(): Promise<string> {
  app = start(
    { file: process.execPath, args: [join(folder, 'dist/main.js')], whenOrphaned: 'SIGTERM' },
    {
      cwd: folder,
      env: { PATH: process.env.PATH, NATS_URL: system.natsUrls.guard },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let printed = '';
  return new Promise((resolve, reject) => {
    for (const stream of [app.stdout, app.stderr]) {
      stream?.on('data', (chunk) => {
        printed += chunk;
        const [url] = /^http:\S+(?=\n)/m.exec(printed) ?? [];
        if (url) resolve(url);
      });
    }
    app.once('close', (code) => reject(new Error(`It ended with ${code}:\n${printed}`)));
  });
}
