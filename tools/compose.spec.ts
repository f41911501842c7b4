import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { testFolder } from '../test/support/folder.js';
import { findEngine } from './compose/engine.js';
import { variables } from './configuration/registry.js';
import { root } from './paths.js';

const run = promisify(execFile);
const text = (path: string) => readFileSync(join(root, path), 'utf8');
const names = (content: string, pattern: RegExp) =>
  [...new Set([...content.matchAll(pattern)].map(([, name]) => name ?? ''))].sort();

const compose = text('docker-compose.yml');
const example = text('deploy/env.example');
const dockerfile = text('Dockerfile');
const services = ['postgres', 'nats', 'migrate', 'identity', 'tokens', 'example-api'];
/** What docker-compose.yml says of one service. */
const serviceOf = (name: string) => {
  const found = new RegExp(`\\n {2}${name}:\\n(.*?)(?=\\n {2}[a-z-]+:\\n|\\nvolumes:)`, 's').exec(
    compose.slice(compose.indexOf('\nservices:\n')),
  );
  return found?.[1] ?? '';
};

describe('docker-compose.yml', () => {
  it('passes every variable that docs/configuration.md tells of a service, and fixes none but the wiring of a container', () => {
    const documented = variables
      .filter(({ readBy }) => readBy.some((reader) => services.includes(reader)))
      .map(({ name }) => name);
    expect(documented.length).toBeGreaterThan(25);
    expect(compose).toMatch(/x-service: &service\n(?: {2}.*\n)*? {2}env_file: \[\.env\]\n/);
    for (const service of ['migrate', 'identity', 'tokens', 'example-api']) {
      const said = serviceOf(service);
      expect(said).toContain('<<: *service');
      expect(said).not.toContain('env_file');
      const fixed = names(said.split('environment:')[1] ?? '', /^ {6}([A-Z_]+):/gm);
      // A container's own port and address; and the secrets, each as the file that everybody may fill as they like.
      const wiring = ['IDENTITY_PORT', 'TOKENS_PORT', 'EXAMPLE_PORT', 'BIND_ADDRESS'];
      expect(fixed.filter((name) => !name.endsWith('_FILE') && !wiring.includes(name))).toEqual([]);
      expect(documented.filter((name) => fixed.includes(name) && !wiring.includes(name))).toEqual([]);
    }
  });

  it('runs every container read-only, without capabilities, with a limit of memory and a log that ends', () => {
    const container = compose.slice(compose.indexOf('x-container:'), compose.indexOf('x-service:'));
    for (const line of ['read_only: true', 'cap_drop: [ALL]', 'no-new-privileges:true', 'max-size: 10m']) {
      expect(container).toContain(line);
    }
    expect(compose).toContain('x-service: &service\n  <<: *container');
    for (const service of services) {
      const said = serviceOf(service);
      expect(said).toMatch(/<<: \*(container|service)/);
      expect(said).toMatch(/mem_limit: \$\{[A-Z]+_MEMORY:-\d+[mg]\}/);
      expect(said).not.toMatch(/read_only|cap_add|privileged/);
    }
  });

  it('has no default that podman-compose 1.0 leaves unread, and no health check of another form than a shell', () => {
    expect(compose.match(/\$\{\w+:?-\}/g)).toBeNull();
    expect(compose.match(/test: \[CMD,/g)).toBeNull();
    expect(compose.match(/test: \[CMD-SHELL,/g)).toHaveLength(5);
  });

  it('names no secret and no target that the Dockerfile lacks', () => {
    expect(compose + example).not.toMatch(/(PASSWORD|PEPPER|SECRET|SMTP_URL|_URL)[:=] *[^ \n]/);
    expect(names(dockerfile, /^FROM (?:runtime|\$\{NATS_IMAGE\}) AS ([a-z-]+)$/gm)).toEqual(
      names(compose, /target: ([a-z-]+)/g),
    );
  });

  it('has its images named by variables, which default to the public ones in both files', () => {
    for (const [name, image] of Object.entries({
      NODE_IMAGE: 'node:24',
      POSTGRES_IMAGE: 'postgres:18',
      NATS_IMAGE: 'nats:',
    })) {
      expect(compose).toContain(`\${${name}:-${image}`);
      if (name !== 'POSTGRES_IMAGE') expect(dockerfile).toMatch(new RegExp(`^ARG ${name}=${image}`, 'm'));
    }
    expect(dockerfile.match(/^FROM (?!\$\{|runtime)/gm)).toBeNull();
  });
});

describe('the images', () => {
  it('are built from what the build names, and no secret, test or tool is sent', () => {
    const [first, ...rest] = text('.dockerignore')
      .split('\n')
      .filter((line) => line && !line.startsWith('#'));
    expect(first).toBe('*');
    const sent = rest.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    expect(sent).not.toEqual(expect.arrayContaining(['test', 'bench', 'tools', 'deploy', '.env', 'secrets']));
  });

  it('run as nobody special, and copy one service each', () => {
    for (const target of dockerfile.split(/^FROM /m).filter((stage) => /^(runtime|\$\{NATS_IMAGE\}) AS/.test(stage))) {
      expect(target.match(/dist\/apps\/(?!.*main\.js|.*migrate\.js)[a-z-]+/g)?.length ?? 0).toBeLessThanOrEqual(4);
    }
    expect(dockerfile.match(/^USER (?!0:0)(.*)$/gm)).toEqual(['USER 1000:1000', 'USER 1000:1000']);
  });
});

it('npm run test:compose says what it needs where nothing runs containers', async () => {
  await expect(findEngine('none')).rejects.toThrow(/podman-compose.*apt-get install podman podman-compose/);
});

describe('npm run compose:env', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await testFolder('compose-env');
    await mkdir(join(folder, 'tools'));
    for (const path of ['tools/compose-env.mjs', 'tools/build.mjs', 'deploy', 'package.json', '.swcrc']) {
      await cp(join(root, path), join(folder, path), { recursive: true });
    }
  });
  afterEach(() => rm(folder, { recursive: true }));
  const make = () => run(process.execPath, [join(folder, 'tools', 'compose-env.mjs')]);
  const secret = (path: string) => readFile(join(folder, 'secrets', path), 'utf8');
  const all = async () => {
    const files = (await readdir(join(folder, 'secrets'), { recursive: true })).filter((path) => path.includes('/'));
    return Object.fromEntries(await Promise.all(files.sort().map(async (path) => [path, await secret(path)])));
  };

  it('makes each secret that a container reads, for it alone, in a folder that nobody else passes', async () => {
    await make();
    expect((await stat(join(folder, 'secrets'))).mode & 0o777).toBe(0o700);
    const made = Object.keys(await all());
    for (const service of services) {
      for (const [, name] of serviceOf(service).matchAll(/_FILE: \/run\/secrets\/(\w+)/g)) {
        expect(made).toContain(`${service}/${name}`);
      }
    }
    const read = names(text('deploy/nats-server.conf'), /\$(NATS_[A-Z_]+_PASSWORD)/g);
    expect(names(await secret('nats/passwords.env'), /^(\w+)=k[0-9a-f]{48}$/gm)).toEqual(read);
    expect(await secret('migrate/IDENTITY_DATABASE_URL')).toBe(await secret('identity/DATABASE_URL'));
    expect(await secret('identity/DATABASE_URL')).not.toBe(await secret('tokens/DATABASE_URL'));
    expect(await readFile(join(folder, '.env'), 'utf8')).toBe(example);
  });

  it('leaves what is there as it is', async () => {
    await make();
    const before = await all();
    await make();
    expect(await all()).toEqual(before);
  });

  it('makes nothing anew beside what would not fit it, and says what is missing', async () => {
    await make();
    const before = await all();
    await chmod(join(folder, 'secrets', 'tokens'), 0o755);
    await rm(join(folder, 'secrets', 'tokens', 'TOKEN_PEPPER'));
    await expect(make()).rejects.toMatchObject({
      stderr: expect.stringContaining('secrets/tokens/TOKEN_PEPPER missing beside secrets/postgres/password'),
    });
    const { 'tokens/TOKEN_PEPPER': _, ...rest } = before;
    expect(await all()).toEqual(rest);
  });

  it('takes over the secrets of a version that kept them in .env, and names the lines to take out', async () => {
    const former = 'POSTGRES_PASSWORD=kold\nNATS_TOKENS_PASSWORD=knats\nTOKEN_PEPPER=kpepper\nADMIN_PASSWORD=kadmin\n';
    await writeFile(join(folder, '.env'), former);
    const { stdout } = await make();
    expect(await secret('postgres/password')).toBe('kold\n');
    expect(await secret('migrate/DATABASE_URL')).toContain(':kold@');
    expect(await secret('tokens/TOKEN_PEPPER')).toBe('kpepper\n');
    expect(await secret('tokens/NATS_URL')).toBe('nats://tokens:knats@nats:4222\n');
    expect(stdout).toContain('POSTGRES_PASSWORD, NATS_TOKENS_PASSWORD, TOKEN_PEPPER, ADMIN_PASSWORD');
    expect(await readFile(join(folder, '.env'), 'utf8')).toBe(former);
  });
});
