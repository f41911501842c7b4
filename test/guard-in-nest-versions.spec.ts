import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TestTokenService } from '../libs/auth/testing/token-service.js';
import { dist, root } from '../tools/paths.js';
import { choosePort } from '../tools/ports.js';
import { start } from '../tools/processes.js';
import { makeApplication, nodeOf, type Version } from './applications/make.js';
import { eventually } from './support/eventually.js';
import { testFolder } from './support/folder.js';
import { testNats } from './support/nats.js';

const execute = promisify(execFile);
const SETUP_MS = 240_000;

/** The first two on the oldest Node that the guard takes; Nest 12's Jest is for one that requires ES modules. */
const versions: Version[] = [
  { nest: 10, templates: '10.2.3', node: '20.15.1' },
  { nest: 11, templates: '11.1.0', node: '20.15.1' },
  { nest: 12, templates: '12.0.6', node: null },
];

let guard: string;
let nats: Awaited<ReturnType<typeof testNats>>;
let tokens: TestTokenService;

beforeAll(async () => {
  const packed = execute(process.execPath, [join(dist, 'tools/pack-auth.js'), await testFolder('packages')]);
  nats = await testNats();
  tokens = await TestTokenService.start(nats.urls.tokens);
  guard = (await packed).stdout.trim();
}, SETUP_MS);

afterAll(async () => {
  await tokens?.connection.close();
  await nats?.stop();
});

describe.each(versions)('in the template of Nest $nest', (version) => {
  let folder: string;

  beforeAll(async () => {
    folder = await testFolder(`nest-${version.nest}`);
    await makeApplication(folder, version, guard);
    const readme = await readFile(join(folder, 'node_modules/@tokenlog/auth/README.md'), 'utf8');
    const block = (heading: string) =>
      new RegExp(`## ${heading}.*?\`\`\`ts\\n(.*?)\`\`\``, 's').exec(readme)?.[1] ?? '';
    await rm(join(folder, 'src'), { recursive: true });
    await mkdir(join(folder, 'src'));
    await writeFile(join(folder, 'src/app.module.ts'), block('Five lines'));
    await writeFile(join(folder, 'src/reports.spec.ts'), block('Testing a controller'));
    await writeFile(join(folder, 'src/main.ts'), MAIN);
  }, SETUP_MS);

  test("the README's five lines compile with its compiler and its settings", async () => {
    const tsc = join(folder, 'node_modules/typescript/bin/tsc');
    const said = await execute(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--pretty', 'false'], {
      cwd: folder,
    }).catch((error) => error);
    expect(said.stdout).toBe('');
  });

  test('its Jest loads the guard, and tests a controller in three lines without NATS', async () => {
    const jest = join(folder, 'node_modules/jest/bin/jest.js');
    // As its `npm test` calls it.
    const { scripts } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    const flags = scripts.test.includes('--experimental-vm-modules') ? ['--experimental-vm-modules'] : [];
    const said = await execute(nodeOf(folder, version), [...flags, jest, '--ci'], {
      cwd: folder,
      env: { PATH: process.env.PATH, NODE_ENV: 'test' },
    }).catch((error) => error);
    expect(said.stderr).toMatch(/^Tests: +2 passed, 2 total$/m);
  });

  test('it runs: 200 with a token, problems without, and no line in its log for a refusal', async () => {
    const port = await choosePort();
    const app = start(
      { file: nodeOf(folder, version), args: ['--enable-source-maps', 'dist/main.js'], whenOrphaned: 'SIGTERM' },
      {
        cwd: folder,
        env: { PATH: process.env.PATH, NATS_URL: nats.urls.guard, PORT: String(port), NO_COLOR: '1' },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let log = '';
    for (const stream of [app.stdout, app.stderr]) stream?.on('data', (chunk) => (log += chunk));
    try {
      await eventually(
        async () => {
          expect([app.exitCode, log]).toEqual([null, expect.stringContaining('successfully started')]);
          expect((await fetch(`http://127.0.0.1:${port}/nowhere`)).status).toBe(404);
        },
        { timeoutMs: 30_000 },
      );
      const before = log;
      const get = (headers = {}) => fetch(`http://127.0.0.1:${port}/reports`, { headers });
      const missing = await get();
      expect(missing.status).toBe(401);
      expect(missing.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(missing.headers.get('www-authenticate')).toMatch(/^Bearer realm="reports"/);
      expect(await missing.json()).toMatchObject({ code: 'credential-missing', status: 401 });
      const bearer = (scopes: string[]) => ({ authorization: `Bearer ${tokens.token({ scopes })}` });
      expect((await get(bearer(['other']))).status).toBe(403);
      const accepted = await get(bearer(['rest']));
      expect([accepted.status, await accepted.json()]).toEqual([200, { reportsOf: 'ada' }]);
      expect(log).toBe(before);
    } finally {
      app.kill();
      if (app.exitCode === null && app.signalCode === null) await once(app, 'close');
    }
  });
});

/** The template's, which listens everywhere, with a way to its end. */
const MAIN = `import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module';

async function bootstrap() {
  const app = await NestFactory.create(AppModule);
  await app.listen(process.env.PORT ?? 3000, '127.0.0.1');
}
void bootstrap();
`;

test('a Node that is too old is told which one is needed', async () => {
  const { requireNode } = await import('../libs/auth/node-version.js');
  expect(() => requireNode('18.20.4')).toThrow('@tokenlog/auth needs Node 20.15 or newer; this is 18.20.4.');
  expect(() => requireNode('20.14.0')).toThrow('20.15');
  for (const version of ['20.15.0', '22.0.0', '24.21.0']) expect(() => requireNode(version)).not.toThrow();
  const { engines } = JSON.parse(await readFile(join(root, 'libs/auth/package.json'), 'utf8'));
  expect(engines.node).toBe('>=20.15');
});
