import { execFile } from 'node:child_process';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../../tools/paths.js';
import { testFolder } from './folder.js';

const sources = ['apps', 'libs', 'tools', 'test', 'bench', 'deploy', 'docs'];
const beside = ['dist', 'package.json', 'package-lock.json', '.swcrc', 'jest.config.js'];

/** A copy of the repository, compiled as it is, for tests that change files. It goes with the test run at the latest. */
export async function copyOfRepository(): Promise<string> {
  const copy = await testFolder('copy');
  await promisify(execFile)('cp', ['-a', ...[...sources, ...beside].map((name) => join(root, name)), copy]);
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}
