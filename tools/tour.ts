import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateSecret } from './secrets.js';
import { StartError, startSystem } from './system.js';
import { playStory } from './tour/story.js';

/** Plays the story on a system of its own: own data, free ports, nothing left behind. Exits with 1 if any step differs. */
const dataDir = await mkdtemp(join(tmpdir(), 'tokenlog-tour-'));
const adminPassword = generateSecret();
const aborter = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => aborter.abort());

try {
  console.log('Starting a system for the tour…');
  const system = await startSystem({
    dataDir,
    ports: 'free',
    env: { ...process.env, ADMIN_PASSWORD: adminPassword, DATABASE_URL: '', NATS_URL: '' },
    output: (line) => console.log(line),
    signal: aborter.signal,
  });
  const stopped = new Promise<never>((_, reject) => {
    aborter.signal.addEventListener('abort', () => reject(new StartError('Stopped.')));
  });
  try {
    const narrator = {
      step: (title: string) => console.log(`\n${title}`),
      call: (line: string) => console.log(`   ${line}`),
    };
    await Promise.race([playStory(system, { adminPassword, narrator, kill: true }), stopped]);
    console.log('\nEvery step went as promised.');
  } finally {
    await system.stop();
  }
} catch (error) {
  console.error(error instanceof StartError ? error.message : `\nA step differs: ${(error as Error).stack}`);
  process.exitCode = 1;
} finally {
  await rm(dataDir, { recursive: true, force: true });
}
