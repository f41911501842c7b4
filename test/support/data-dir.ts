import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { generateSecret } from '../../tools/secrets.js';
import { testFolder } from './folder.js';

const execute = promisify(execFile);

/**
 * A new data directory, as a first start leaves it that was ended once it had made its cluster: a copy of the test run's, for
 * making one takes longer than the rest of a start. Tests of the first start itself begin with an empty folder instead.
 */
export async function newDataDir(name: string): Promise<string> {
  const server = process.env.TEST_DATABASE_URL;
  if (!server) throw new Error('TEST_DATABASE_URL is not set: run the tests with `npm test`.');
  const folder = await testFolder(name);
  // With its ownership: PostgreSQL does not run as root.
  await execute('cp', ['-a', join(process.env.TEST_FOLDER ?? '', 'cluster'), join(folder, 'postgres')]);
  const secrets = { postgresPassword: new URL(server).password, tokenPepper: generateSecret(), natsPasswords: {} };
  await writeFile(join(folder, 'secrets.json'), JSON.stringify(secrets), { mode: 0o600 });
  return folder;
}
