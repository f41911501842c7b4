import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Parent } from '../apps/cli/command.js';
import { EXIT_CODES } from '../apps/cli/failure.js';
import { programOf } from '../apps/cli/program.js';
import { dist, root } from '../tools/paths.js';
import { type System, startSystem } from '../tools/system.js';
import { nodePackage, npm } from './applications/make.js';
import { blocksOf, shownAs } from './support/documents.js';
import { testFolder } from './support/folder.js';

const execute = promisify(execFile);
const SETUP_MS = 180_000;
const ADMIN_PASSWORD = 'cli-package-admin';
/** The oldest Node that it takes. */
const OLDEST = '20.15.1';
/** Nobody listens there: whatever is to be fetched fails. */
const NO_REGISTRY = 'http://127.0.0.1:1';

const docs = readFileSync(join(root, 'docs', 'command-line.md'), 'utf8');

let tarball: string;
/** A folder that knows nothing of Tokenlog but the installed package. */
let folder: string;
/** Folders with `node`: the oldest one that is taken, and this one. */
let oldest: string;
let system: System;

beforeAll(async () => {
  const env = { ...process.env, ADMIN_PASSWORD, DATABASE_URL: '', NATS_URL: '' };
  const [started, ...made] = await Promise.allSettled([
    testFolder('cli-system').then((dataDir) => startSystem({ dataDir, ports: 'free', fsync: false, env })),
    install(),
    testFolder('oldest-node').then(async (place) => {
      await writeFile(join(place, 'package.json'), '{"private":true}');
      await npm(place, 'install', '--prefer-offline', '--no-audit', '--no-fund', `${nodePackage}@${OLDEST}`);
      oldest = join(place, 'node_modules', nodePackage, 'bin');
    }),
  ]);
  if (started.status === 'fulfilled') system = started.value;
  for (const outcome of [started, ...made]) if (outcome.status === 'rejected') throw outcome.reason;
}, SETUP_MS);

afterAll(() => system?.stop());

/** What is printed behind the first line that is as it is shown. */
function afterShown(printed: string, line: string): string {
  const found = shownAs(line).exec(printed);
  if (!found) throw new Error(`docs/command-line.md shows\n${line}\nand what is printed is\n${printed}`);
  return printed.slice(found.index + found[0].length);
}

async function install(): Promise<void> {
  const packages = await testFolder('packages');
  const { stdout } = await execute(process.execPath, [join(dist, 'tools', 'pack-cli.js'), packages]);
  tarball = stdout.trim();
  folder = await testFolder('empty');
  await writeFile(join(folder, 'package.json'), '{"private":true}');
  await npm(folder, 'install', `--registry=${NO_REGISTRY}`, '--no-audit', '--no-fund', '--loglevel=error', tarball);
}

const place = (...names: string[]) => join(folder, 'node_modules', '@tokenlog', 'cli', ...names);

/** The environment of a stranger, with the program where a shell finds it. */
function strangersEnvironment(more: Record<string, string> = {}) {
  return {
    PATH: [oldest, join(folder, 'node_modules', '.bin'), process.env.PATH].join(':'),
    HOME: folder,
    TOKENLOG_IDENTITY_URL: system.identity.url,
    TOKENLOG_TOKENS_URL: system.tokens.url,
    ...more,
  };
}

const shell = (script: string, env = strangersEnvironment()) => execute('bash', ['-c', script], { cwd: folder, env });

describe('the package of the command line', () => {
  test('holds the program, its README and licences, and nothing else', async () => {
    expect(tarball).toMatch(/[\\/]tokenlog-cli-\d+\.\d+\.\d+\.tgz$/);
    const { stdout } = await execute('tar', ['-tzf', tarball]);
    expect(stdout.trim().split('\n').sort()).toEqual([
      'package/LICENSE',
      'package/README.md',
      'package/THIRD-PARTY-LICENSES',
      'package/dist/guard-users.js',
      'package/dist/main.js',
      'package/dist/read-instant.js',
      'package/dist/read.js',
      'package/dist/tokenlog.js',
      'package/package.json',
    ]);
    expect(readFileSync(place('README.md'), 'utf8')).toBe(docs);
  });

  test('is installed without a registry: it depends on no package, and has the version of the whole', async () => {
    const manifest = JSON.parse(await readFile(place('package.json'), 'utf8'));
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
    expect(manifest).toMatchObject({ name: '@tokenlog/cli', version, license: 'MIT', engines: { node: '>=20.15' } });
    for (const field of ['dependencies', 'peerDependencies', 'scripts', 'private'])
      expect(manifest[field]).toBeUndefined();
    const { packages } = JSON.parse(await readFile(join(folder, 'package-lock.json'), 'utf8'));
    expect(Object.keys(packages)).toEqual(['', 'node_modules/@tokenlog/cli']);
  });

  test('imports nothing but what Node has, and its own files', async () => {
    for (const file of ['tokenlog.js', 'main.js', 'guard-users.js', 'read.js', 'read-instant.js']) {
      const code = await readFile(place('dist', file), 'utf8');
      const imports = [...code.matchAll(/^import (?:.*? from )?'(.*?)';$|\bimport\('(.*?)'\)|\brequire\('(.*?)'\)/gm)];
      const { builtinModules } = await import('node:module');
      const others = imports
        .map(([, from, dynamic, required]) => from ?? dynamic ?? required ?? '')
        .filter((name) => !/^(node:|\.\/)/.test(name) && !builtinModules.includes(name));
      expect([file, others]).toEqual([file, []]);
      expect(code).not.toContain(root);
    }
  });

  test('names the licence of each package whose code it has', async () => {
    const texts = await readFile(place('THIRD-PARTY-LICENSES'), 'utf8');
    for (const name of ['commander', 'string-width', 'read', 'mute-stream', 'zod', '@nats-io/transport-node']) {
      expect(texts).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(.+\\)$`, 'm'));
    }
  });

  test('runs once by npm exec, away from any checkout and without a registry', async () => {
    const elsewhere = await testFolder('elsewhere');
    const cache = join(elsewhere, 'cache');
    const options = [`--registry=${NO_REGISTRY}`, `--cache=${cache}`, '--yes', `--package=${tarball}`];
    const { stdout } = await npm(elsewhere, 'exec', ...options, '--', 'tokenlog', '--version');
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test('says which Node it needs on one that is too old', async () => {
    const code = await readFile(place('dist', 'tokenlog.js'), 'utf8');
    const old = "Object.defineProperty(process, 'versions', { value: { node: '18.20.0' } });";
    const run = execute(process.execPath, ['--import', `data:text/javascript,${old}`, place('dist', 'tokenlog.js')]);
    await expect(run).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Node 20.15 or newer is needed'),
    });
    // A static import would be loaded, and stumble, before that is said.
    expect(code).not.toMatch(/^import /m);
  });

  test.each([
    ['--version'],
    ['--help'],
    ['tokens', 'list'],
    ['admin', 'audit', '--help'],
    ['__complete', 'bash', '--', 'tok'],
  ])('reads two or three files to do %s', async (...args) => {
    expect(await filesReadBy(place('dist', 'tokenlog.js'), args)).toEqual(
      expect.arrayContaining([expect.stringMatching(/main\.js$/)]),
    );
    expect((await filesReadBy(place('dist', 'tokenlog.js'), args)).length).toBeLessThanOrEqual(3);
  });

  test('in the checkout reads few files, and none of what most calls do not need', async () => {
    for (const args of [['--help'], ['tokens', 'list']]) {
      const files = await filesReadBy(join(dist, 'apps', 'cli', 'main.js'), args);
      expect(files.length).toBeLessThanOrEqual(60);
      expect(files.filter((file) => /node_modules\/(zod|@nats-io|@nestjs|rxjs|read)\//.test(file))).toEqual([]);
    }
  });
});

/** The files of JavaScript that a call loads. Nobody is logged in: a list ends before it is asked for. */
async function filesReadBy(program: string, args: string[]): Promise<string[]> {
  const hook = `
    import { registerHooks } from 'node:module';
    import { writeSync } from 'node:fs';
    registerHooks({ load: (url, context, next) => {
      if (url.startsWith('file:')) writeSync(3, url + '\\n');
      return next(url, context);
    } });`;
  const child = spawn(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(hook)}`, program, ...args],
    { env: { HOME: await testFolder('nobody') }, stdio: ['ignore', 'ignore', 'ignore', 'pipe'] },
  );
  let files = '';
  child.stdio[3]?.on('data', (chunk) => {
    files += chunk;
  });
  await once(child, 'close');
  return files.trim().split('\n');
}

describe('the documentation of the command line', () => {
  test(`has examples that do what it says, on Node ${OLDEST}`, async () => {
    await writeFile(join(folder, 'password'), `${ADMIN_PASSWORD}\n`);
    expect((await shell('node --version')).stdout.trim()).toBe(`v${OLDEST}`);
    const blocks = blocksOf('docs/command-line.md').filter(
      ({ language, text }) => language === 'text' || (language === 'sh' && !text.startsWith('npm ')),
    );
    const commands = blocks.flatMap(({ language, text }) => (language === 'sh' ? text.trim().split('\n') : []));
    expect(commands.length).toBeGreaterThan(15);
    const script = commands.map((line) => `${line} 2>&1 || echo "@failed: $?"; printf '@@\\n'`).join('\n');
    const outputs = (await shell(script)).stdout.split('@@\n');
    let done = 0;
    let printed = '';
    for (const { language, text } of blocks) {
      const lines = text.trim().split('\n');
      if (language === 'sh') {
        printed = outputs.slice(done, done + lines.length).join('');
        done += lines.length;
      } else {
        // In this order, and others between.
        for (const line of lines) printed = afterShown(printed, line);
      }
    }
    for (const [index, output] of outputs.entries()) expect(`${commands[index]}\n${output}`).not.toContain('@failed');
  });

  test('has every exit code, in the words of --help', () => {
    const rows = [...docs.matchAll(/^\| (\d+) +\| (.*?) +\|$/gm)].map(([, code, meaning]) => [Number(code), meaning]);
    expect(rows).toEqual(EXIT_CODES);
  });

  test('names every command', () => {
    const named = docs.slice(docs.indexOf('| commands'), docs.indexOf('`--help` after any'));
    const names = (command: Parent): string[] => {
      const visible = command.createHelp().visibleCommands(command);
      return visible.filter((sub) => sub.name() !== 'help').flatMap((sub) => [sub.name(), ...names(sub)]);
    };
    for (const name of names(programOf(process))) expect(named).toMatch(new RegExp(`\\b${name}\\b`));
  });

  test('lets nobody ask a public registry for a package called tokenlog', () => {
    const lines = [...docs.matchAll(/```\w*\n(.*?)```/gs)].flatMap(([, block = '']) => block.split('\n'));
    const commands = lines.filter((line) => /^(npx|npm)\b/.test(line));
    expect(commands.length).toBeGreaterThan(2);
    for (const line of commands) expect(line).toMatch(/tokenlog-cli-[\d.]+\.tgz/);
  });
});

describe('bash, told by `tokenlog completion bash`,', () => {
  const offered = async (...words: string[]) => {
    const quoted = words.map((word) => `'${word}'`).join(' ');
    const { stdout, stderr } = await shell(
      `source <(tokenlog completion bash); complete -p tokenlog >/dev/null
      COMP_WORDS=(tokenlog ${quoted}); COMP_CWORD=${words.length}; _tokenlog; printf '%s\\n' "\${COMPREPLY[@]}"`,
    );
    expect(stderr).toBe('');
    return stdout.trim().split('\n');
  };

  test('completes commands, options, and values', async () => {
    expect(await offered('tok')).toEqual(['tokens']);
    expect(await offered('tokens', 're')).toEqual(['refresh', 'revoke']);
    expect(await offered('tokens', 'list', '--st')).toEqual(['--state']);
    expect(await offered('tokens', 'list', '--state', '')).toEqual([
      'active',
      'expired',
      'revoked',
      'invalid',
      'deleted',
    ]);
    expect(await offered('tokens', 'list', '--state', '=', 'e')).toEqual(['expired']);
    expect(await offered('tokens', 'show', '')).toEqual(['']);
  });

  test('completes files where an option takes one', async () => {
    await writeFile(join(folder, 'guards of mine.conf'), '');
    expect(await offered('guards', 'list', '--config', 'guards')).toEqual(['guards of mine.conf']);
  });

  test('is not disturbed by settings that are wrong', async () => {
    const env = strangersEnvironment({ TOKENLOG_URL: 'nonsense', TOKENLOG_IDENTITY_URL: '' });
    expect((await shell('tokenlog completion bash', env)).stdout).toContain('complete -F _tokenlog tokenlog');
    expect((await shell('tokenlog __complete bash -- tok', env)).stdout).toBe('tokens\n');
  });
});

test.each([
  ['zsh', /^#compdef tokenlog\n/, /compdef _tokenlog tokenlog/, /words\[2,CURRENT\]/],
  ['fish', /^# fish/, /^complete -c tokenlog -f -a '\(__tokenlog_complete\)'$/m, /\$words\[2\.\.-1\] "\$current"/],
])('%s is told to ask the program for the words before the cursor', async (name, first, registers, words) => {
  const { stdout } = await shell(`tokenlog completion ${name}`);
  expect(stdout).toMatch(first);
  expect(stdout).toMatch(registers);
  expect(stdout).toContain(`tokenlog __complete ${name} -- `);
  expect(stdout).toMatch(words);
  const { stdout: answer } = await shell(`tokenlog __complete ${name} -- tokens list --st`);
  expect(answer).toBe('--state\tonly those\n');
  // Where the shell is, it reads it.
  const installed = await shell(`command -v ${name} || true`);
  if (installed.stdout !== '') await shell(`tokenlog completion ${name} | ${name} -n /dev/stdin`);
});

describe('a call that is ended from outside', () => {
  let silent: Server;
  let url: string;
  const asked = () => once(silent, 'request');

  beforeAll(async () => {
    silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    silent.closeAllConnections();
    await new Promise((resolve) => silent.close(resolve));
  });

  const call = (
    args: string[],
  ): [ChildProcess, Promise<{ code: number | null; signal: string | null; stderr: string }>] => {
    const env = strangersEnvironment({ TOKENLOG_URL: url, TOKENLOG_TOKENS_URL: '', TOKENLOG_TOKEN: 'tkl_x' });
    const child = spawn(process.execPath, [place('dist', 'tokenlog.js'), ...args], { env });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    return [child, once(child, 'close').then(([code, signal]) => ({ code, signal, stderr }))];
  };

  test('by Ctrl-C ends at once, without a word', async () => {
    const [child, ended] = call(['self', 'show']);
    await asked();
    child.kill('SIGINT');
    expect(await ended).toEqual({ code: null, signal: 'SIGINT', stderr: '' });
  });

  test('by whoever read its output ends as a program does that SIGPIPE ends, without a word', async () => {
    for (const args of [['--help'], ['completion', 'bash']]) {
      const [child, ended] = call(args);
      child.stdout?.destroy();
      expect(await ended).toEqual({ code: 141, signal: null, stderr: '' });
    }
    const { stdout, stderr } = await shell('tokenlog --help | head -n 1');
    expect([stdout, stderr]).toEqual(['Usage: tokenlog [options] [command]\n', '']);
  });
});

test('a bin that is a link, as npm makes them, is the same program', async () => {
  const link = join(await testFolder('link'), 'tokenlog');
  await symlink(place('dist', 'tokenlog.js'), link);
  expect((await execute(process.execPath, [link, '--version'])).stdout).toMatch(/^\d/);
});
