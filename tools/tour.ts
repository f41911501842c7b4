import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OpenIdProvider } from '../test/support/openid-provider.js';
import { freePorts } from '../test/support/started.js';
import { generateSecret } from './secrets.js';
import { StartError } from './start-error.js';
import { type System, startSystem } from './system.js';
import { PrintingNarrator } from './tour/narrator.js';
import { playOtherWays } from './tour/other-ways.js';
import { playStory } from './tour/story.js';

/**
 * Plays the story on systems of its own: own data, free ports, nothing left behind. The first is as `npm start` makes it;
 * the second has an external login and a file of static keys. Exits with 1 if any step differs.
 */
const folder = await mkdtemp(join(tmpdir(), 'tokenlog-tour-'));
const adminPassword = generateSecret();
const aborter = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => aborter.abort());
const stopped = new Promise<never>((_, reject) => {
  aborter.signal.addEventListener('abort', () => reject(new StartError('Stopped.')));
});
stopped.catch(() => undefined);
const narrator = new PrintingNarrator((line) => console.log(line));

try {
  console.log('Starting a system…');
  await on({}, (system) => playStory(system, { adminPassword, narrator, kill: true }));

  console.log('\nStarting another one, with an external login and a file of static keys…');
  const ports = await freePorts();
  const provider = await OpenIdProvider.start(`http://127.0.0.1:${ports.IDENTITY_PORT}/login/oidc/callback`);
  try {
    const accessKeysFile = join(folder, 'access-keys.properties');
    await writeFile(accessKeysFile, `legacy-${randomBytes(16).toString('hex')}=admin\n`, { mode: 0o600 });
    const logInExternally = async (name: string) => (await provider.logIn(name)).browser.cookie('session') ?? '';
    await on({ ...ports, ...provider.env, ACCESS_KEYS_FILE: accessKeysFile }, (system) =>
      playOtherWays(system, { adminPassword, narrator, accessKeysFile, logInExternally }),
    );
  } finally {
    await provider.stop();
  }
  console.log('\nEvery step went as promised.');
} catch (error) {
  console.error(error instanceof StartError ? error.message : `\nA step differs: ${(error as Error).stack}`);
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** Starts a system, plays on it, and stops it, whatever happens. */
async function on(env: Record<string, string>, play: (system: System) => Promise<void>): Promise<void> {
  const system = await startSystem({
    dataDir: await mkdtemp(join(folder, 'data-')),
    ...('IDENTITY_PORT' in env ? {} : { ports: 'free' as const }),
    env: { ...process.env, DATABASE_URL: '', NATS_URL: '', ADMIN_PASSWORD: adminPassword, ...env },
    output: (line) => console.log(line),
    signal: aborter.signal,
  });
  try {
    await Promise.race([play(system), stopped]);
  } finally {
    narrator.end();
    await system.stop();
  }
}
