import { rm } from 'node:fs/promises';
import { type Nats, startNats } from '../../tools/embedded-nats.js';
import { BASE_CONFIGURATION, writeGuards } from '../../tools/nats-guards.js';
import { generateNatsPasswords, generateSecret } from '../../tools/secrets.js';
import { testFolder } from './folder.js';

const guardNames = ['one', 'two'] as const;

/**
 * A nats-server of its own on a free port, by the configuration of production, with two guards that have users of their own.
 * Its data goes with `stop`.
 */
export async function testNats(): Promise<
  Pick<Nats, 'url' | 'urls' | 'stop'> & { readonly guardUrls: Record<(typeof guardNames)[number], string> }
> {
  const dataDir = await testFolder('nats');
  const configuration = `${dataDir}.conf`;
  const guards = guardNames.map((name) => ({ name, password: generateSecret() }));
  await writeGuards(configuration, guards, BASE_CONFIGURATION);
  const nats = await startNats({ dataDir, configuration, passwords: generateNatsPasswords() });
  const urls = guards.map(({ name, password }) => [name, `nats://guard-${name}:${password}@127.0.0.1:${nats.port}`]);
  return {
    url: nats.url,
    urls: nats.urls,
    guardUrls: Object.fromEntries(urls) as Record<(typeof guardNames)[number], string>,
    stop: async () => {
      await nats.stop();
      for (const path of [dataDir, `${dataDir}.log`, configuration]) await rm(path, { recursive: true, force: true });
    },
  };
}
