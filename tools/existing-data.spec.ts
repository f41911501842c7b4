import { cp, mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { testFolder } from '../test/support/folder.js';
import { clusterState } from './cluster.js';
import { findBinaries, startPostgres } from './embedded-postgres.js';
import { checkExistingData } from './existing-data.js';
import { generateSecret, loadSecrets, noteBegun } from './secrets.js';

let whole: string;
let postgres: string;

beforeAll(async () => {
  ({ postgres } = await findBinaries());
  whole = await testFolder('whole');
  const secrets = await loadSecrets(whole);
  const dataDir = join(whole, 'postgres');
  const server = await startPostgres({ dataDir, password: secrets.postgresPassword, fsync: false, wantedPorts: [] });
  await server.stop();
  await noteBegun(whole, secrets);
  await writeFile(join(whole, 'postgres.port'), '5432\n');
  await mkdir(join(whole, 'nats'));
});

/** A copy of data that was in use, with something done to it. */
async function after(damage: (folder: string) => Promise<unknown>): Promise<string> {
  const folder = await testFolder('damaged');
  await cp(whole, folder, { recursive: true, verbatimSymlinks: true });
  await damage(folder);
  return folder;
}

/** Everything below a folder, so that a change to it is seen. */
async function listing(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).toSorted();
}

async function refusal(folder: string): Promise<string> {
  const before = await listing(folder);
  const { message } = await checkExistingData(folder, true).then(
    () => {
      throw new Error('It would begin.');
    },
    (error: Error) => error,
  );
  expect(await listing(folder)).toEqual(before);
  expect(message).toMatch(/by hand|pg_upgrade/);
  return message;
}

const inPostgres = (path: string) => (folder: string) => rm(join(folder, 'postgres', path), { recursive: true });

test('data that is whole is gone on with, and nothing at all is begun', async () => {
  await checkExistingData(whole, true);
  await checkExistingData(await testFolder('new'), true);
});

test.each([
  ['PG_VERSION', 'lacks PG_VERSION'],
  ['global/pg_control', 'lacks global/pg_control'],
  ['global', 'lacks global/pg_control, global/pg_filenode.map'],
  ['base', 'lacks base'],
  ['pg_wal', 'lacks pg_wal'],
])('a cluster without %s stops the start, which changes nothing', async (path, found) => {
  expect(await refusal(await after(inPostgres(path)))).toContain(found);
});

test('a cluster of another major version, or whose control file is cut short, stops the start', async () => {
  const other = (folder: string) => writeFile(join(folder, 'postgres', 'PG_VERSION'), '17\n');
  expect(await refusal(await after(other))).toContain('was made by PostgreSQL 17, and the embedded one is 18');
  const none = (folder: string) => writeFile(join(folder, 'postgres', 'PG_VERSION'), '');
  expect(await refusal(await after(none))).toContain('PG_VERSION');
  const cut = (folder: string) => truncate(join(folder, 'postgres', 'global', 'pg_control'), 100);
  expect(await refusal(await after(cut))).toContain('global/pg_control of 100 bytes');
});

test.each<[string, (folder: string) => Promise<unknown>, string]>([
  ['is gone', (path) => rm(path, { recursive: true }), 'is missing'],
  [
    'is empty',
    async (path) => {
      await rm(path, { recursive: true });
      await mkdir(path);
    },
    'is empty',
  ],
  [
    'is a link that leads nowhere',
    async (path) => {
      await rm(path, { recursive: true });
      await symlink('/nowhere/postgres', path);
    },
    'leads nowhere',
  ],
  [
    'is a file',
    async (path) => {
      await rm(path, { recursive: true });
      await writeFile(path, '');
    },
    'is no folder',
  ],
])('a postgres folder that %s, where one was, stops the start', async (_, damage, found) => {
  expect(await refusal(await after((folder) => damage(join(folder, 'postgres'))))).toContain(found);
});

test.each(['postgres.port', 'guard.env', 'nats/jetstream/$G/streams/TOKENS', 'postgres.incomplete-1'])(
  'data of an older version, told by %s alone, is missed as well',
  async (trace) => {
    const folder = await testFolder('older');
    await loadSecrets(folder);
    await mkdir(join(folder, trace), { recursive: true });
    expect(await refusal(folder)).toContain('is missing');
  },
);

test('secrets that are missing or broken beside data stop the start: new ones would open none of it', async () => {
  const secrets = (text: string) => (folder: string) => writeFile(join(folder, 'secrets.json'), text);
  const { tokenPepper } = await loadSecrets(whole);
  expect(await refusal(await after((folder) => rm(join(folder, 'secrets.json'))))).toContain('secrets.json is missing');
  expect(await refusal(await after(secrets('')))).toContain('secrets.json is not JSON');
  const half = await refusal(await after(secrets(JSON.stringify({ tokenPepper }).slice(0, -2))));
  expect(half).toContain('secrets.json is not JSON');
  expect(half).not.toContain(tokenPepper.slice(0, 10));
  const without = await refusal(await after(secrets(JSON.stringify({ tokenPepper, natsPasswords: {} }))));
  expect(without).toContain('has no usable postgresPassword');
  const natsOnly = await testFolder('nats-only');
  await mkdir(join(natsOnly, 'nats', 'jetstream'), { recursive: true });
  expect(await refusal(natsOnly)).toContain('secrets.json is missing');
});

test('a first start that was interrupted goes on', async () => {
  const folder = await testFolder('interrupted');
  const secrets = await loadSecrets(folder);
  for (const name of ['logs', 'nats/jetstream', 'postgres.unfinished/base', 'postgres']) {
    await mkdir(join(folder, name), { recursive: true });
  }
  await checkExistingData(folder, true);
  expect(await loadSecrets(folder)).toEqual(secrets);
});

test('what a newer version needs is added to the secrets, and none is replaced', async () => {
  const folder = await testFolder('secrets');
  const { databasePasswords, ...old } = await loadSecrets(folder);
  const { observer, ...natsPasswords } = old.natsPasswords;
  const kept = { ...old, natsPasswords, unknown: 'kept' };
  await writeFile(join(folder, 'secrets.json'), JSON.stringify(kept));
  const completed = await loadSecrets(folder);
  expect(completed).toMatchObject(kept);
  expect(completed.databasePasswords).not.toEqual(databasePasswords);
  expect(completed.natsPasswords.observer).not.toBe(observer);
  expect(JSON.parse(await readFile(join(folder, 'secrets.json'), 'utf8'))).toEqual(completed);
  expect(await loadSecrets(folder)).toEqual(completed);
});

test('an embedded server makes no cluster where one is not whole, or has gone while it ran', async () => {
  const damaged = await after(inPostgres('PG_VERSION'));
  const dataDir = join(damaged, 'postgres');
  await expect(startPostgres({ dataDir, password: generateSecret() })).rejects.toThrow('lacks PG_VERSION');
  await rm(dataDir, { recursive: true });
  const again = startPostgres({ dataDir, password: generateSecret(), mayBegin: false });
  await expect(again).rejects.toThrow('has gone');
  expect(await clusterState(dataDir, postgres)).toBe('absent');
});
