import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testFolder } from '../test/support/folder.js';
import { takeDataDir } from './data-dir.js';
import { unwritable } from './data-dir-error.js';

const failureOf = (work: () => unknown): Error => {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
};

test('a full disk is named by the folder that is on it, whoever noticed', () => {
  const line = 'DATA_DIR: /data cannot be used: there is no space left on its disk. ';
  const noticed = failureOf(() => writeFileSync('/dev/full', 'x'));
  expect(unwritable('/data', noticed)).toContain(line);
  const server = new Error('The embedded PostgreSQL does not start: it stopped\nFATAL: "x": No space left on device');
  expect(unwritable('/data', server)).toContain(line);
  const answer = Object.assign(new Error('could not extend file "x": No space left on device'), { code: '53100' });
  expect(unwritable('/data', answer)).toContain(line);
  expect(unwritable('/data', answer, false)).toBeUndefined();
  expect(unwritable('/data', new Error('NATS_URL: permission denied'))).toBeUndefined();
});

test('a folder that may not be written is named', async () => {
  const folder = await testFolder('read-only');
  chmodSync(folder, 0o555);
  const { geteuid, seteuid } = process;
  // Root may write everywhere.
  const isRoot = geteuid?.call(process) === 0;
  if (isRoot) seteuid?.call(process, 65_534);
  const failure = await takeDataDir(join(folder, 'data')).catch((error: Error) => error);
  if (isRoot) seteuid?.call(process, 0);
  expect(unwritable(join(folder, 'data'), failure as Error)).toMatch(
    /^DATA_DIR: .*\/data cannot be used: it may not be written by this user\. /,
  );
});
