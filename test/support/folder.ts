import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';

/** A new folder that goes with the test run at the latest. */
export async function testFolder(name: string): Promise<string> {
  const parent = process.env.TEST_FOLDER;
  if (!parent) throw new Error('TEST_FOLDER is not set: run the tests with `npm test`.');
  return mkdtemp(join(parent, `${name}-`));
}
