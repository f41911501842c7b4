import { StartError } from '../start-error.js';
import { buildDebianImages, debianImages } from './debian-images.js';
import { findEngine } from './engine.js';
import { testCompose } from './test-compose.js';

/**
 * `npm run test:compose`: runs docker-compose.yml as it stands, in a folder, a project and volumes of its own, and plays the
 * story on it. With `-- --debian` it builds images of Debian and npm first, and runs on those. Exits with 1 if anything differs.
 */
const stopped = new Promise<never>((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => reject(new StartError(`Stopped by ${signal}.`)));
  }
});
stopped.catch(() => undefined);

try {
  const engine = await findEngine();
  const debian = process.argv.includes('--debian');
  if (debian) await buildDebianImages(engine);
  await testCompose(engine, debian ? debianImages : {}, stopped);
  console.log('\nEverything went as promised.');
} catch (error) {
  console.error(error instanceof StartError ? error.message : `\nIt differs: ${(error as Error).stack}`);
  process.exitCode = 1;
}
