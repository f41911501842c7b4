import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { testFolder } from '../test/support/folder.js';
import { findNatsServer } from './nats-server.js';

async function fakeServer(version: string): Promise<{ folder: string; file: string }> {
  const folder = await testFolder('bin');
  const file = join(folder, 'nats-server');
  await writeFile(file, `#!/bin/sh\necho nats-server: v${version}\n`);
  await chmod(file, 0o755);
  return { folder, file };
}

test('NATS_SERVER_BIN comes before PATH', async () => {
  const [named, onPath] = [await fakeServer('2.9.0'), await fakeServer('2.12.0')];
  const env = { NATS_SERVER_BIN: named.file, PATH: onPath.folder };
  await expect(findNatsServer({ env })).resolves.toBe(named.file);
  await expect(findNatsServer({ env: { PATH: onPath.folder } })).resolves.toBe(onPath.file);
});

test('a NATS_SERVER_BIN that does not run is an error that names it, not a reason to look elsewhere', async () => {
  const { folder } = await fakeServer('2.12.0');
  const env = { NATS_SERVER_BIN: '/nowhere/nats-server', PATH: folder };
  await expect(findNatsServer({ env })).rejects.toThrow(/^NATS_SERVER_BIN: \/nowhere\/nats-server /);
});

test('one on PATH that is too old is passed over for the kept one', async () => {
  const { folder } = await fakeServer('2.1.9');
  const home = await testFolder('home');
  const kept = join(home, 'tokenlog', `nats-server-debian-${process.arch}`);
  await mkdir(join(home, 'tokenlog'));
  await copyFile((await fakeServer('2.9.10')).file, kept);
  await expect(findNatsServer({ env: { PATH: folder, XDG_CACHE_HOME: home } })).resolves.toBe(kept);
});
