import { spawnSync } from 'node:child_process';
import { rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Pool } from 'pg';
import { testDatabase } from '../../test/support/database.js';
import { testFolder } from '../../test/support/folder.js';
import { startPostgres } from '../../tools/embedded-postgres.js';
import { checkDatabase } from './checks.js';
import { problemOf } from './problem.js';
import { Part } from './readiness.js';

const MINUTES = 120_000;

test('a database that takes no writes is found so, and found well again', async () => {
  const database = await testDatabase();
  const pool = new Pool({ connectionString: database.url, max: 1 });
  await checkDatabase(pool);
  await checkDatabase(pool);
  const reader = new Client({ connectionString: database.url, options: '-c default_transaction_read_only=on' });
  await reader.connect();
  const error = await checkDatabase(reader).catch((error: unknown) => error);
  expect(problemOf(error)).toMatchObject({
    code: 'database-unavailable',
    message: expect.stringContaining('no writes'),
  });
  await reader.end();
  await pool.end();
  await database.drop();
});

test(
  'a database whose disk is full is found so, and found well when there is space',
  async () => {
    const folder = await testFolder('full-database');
    // A file system of its own, where this machine lets us have one; else the one above stands for it.
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=192m,mode=755', 'tmpfs', folder]).status !== 0) return;
    try {
      const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), password: 'x', fsync: false });
      const client = new Client(postgres.url('postgres'));
      await client.connect();
      try {
        await checkDatabase(client);
        const { bavail, bsize } = await statfs(folder);
        await writeFile(join(folder, 'filler'), Buffer.alloc(bavail * bsize)).catch(() => undefined);
        const error = await checkDatabase(client).catch((error: unknown) => error);
        expect(error).toMatchObject({ code: '53100' });
        expect(problemOf(error)?.message).toBe('The database has no space left on its disk; try again.');
        await rm(join(folder, 'filler'));
        await checkDatabase(client);
      } finally {
        await client.end();
        await postgres.stop();
      }
    } finally {
      spawnSync('umount', [folder]);
    }
  },
  MINUTES,
);

test('a part is checked once for all who ask, is waited for no longer than its bound, and says since when it is so', async () => {
  let checks = 0;
  const part = new Part('frozen', () => {
    checks++;
    return new Promise(() => undefined);
  });
  const [one, other] = await Promise.all([part.ask(), part.ask()]);
  expect(one).toEqual({ status: 'down', since: expect.any(String), message: 'no answer within 1.5 s' });
  expect([other, await part.ask(), checks]).toEqual([one, one, 1]);
  const optional = new Part('optional', { check: () => Promise.reject(new Error('secret: 10.0.0.7')), optional: true });
  expect(await optional.ask()).toMatchObject({ status: 'degraded', message: expect.not.stringContaining('10.0.0.7') });
});
