import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { startSystem } from '../tools/system.js';
import { httpClient } from '../tools/tour/client.js';
import { atTheLatest } from './support/at-the-latest.js';
import { testFolder } from './support/folder.js';
import { ADMIN_PASSWORD } from './support/whole-system.js';

const MINUTES = 300_000;

it(
  'npm start stops where the cluster is not whole, says what it found, and changes nothing',
  async () => {
    const folder = await testFolder('not-whole');
    const options = { dataDir: folder, ports: 'free' as const, fsync: false };
    const env = { ...process.env, ADMIN_PASSWORD, DATABASE_URL: '', NATS_URL: '' };
    const start = async (variables: NodeJS.ProcessEnv) => {
      const system = await startSystem({ ...options, env: variables });
      return { ...system, stop: atTheLatest(system.stop) };
    };
    await (await start(env)).stop();
    const version = join(folder, 'postgres', 'PG_VERSION');
    await rename(version, join(folder, 'elsewhere'));
    await expect(start(env)).rejects.toThrow(/postgres lacks PG_VERSION.*Nothing was changed/s);
    await rename(join(folder, 'elsewhere'), version);
    const again = await start({ ...env, ADMIN_PASSWORD: '' });
    expect(again.firstAdmin).toBeUndefined();
    const owner = new Client(again.databaseUrl);
    await owner.connect();
    await owner.query('DROP SCHEMA tokens CASCADE');
    await owner.end();
    await again.stop();
    await expect(start(env)).rejects.toThrow(/was in use and lacks tokens\.events/);
    const identity = httpClient('identity', again.identity.url, { step: () => undefined, call: () => undefined });
    await expect(identity('GET', '/health/live')).rejects.toThrow();
  },
  MINUTES,
);
