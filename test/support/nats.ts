import { rm } from 'node:fs/promises';
import { type Nats, startNats } from '../../tools/embedded-nats.js';
import { BASE_CONFIGURATION, writeGuards } from '../../tools/nats-guards.js';
import { generateNatsPasswords, generateSecret } from '../../tools/secrets.js';
import { atTheLatest } from './at-the-latest.js';
import { testFolder } from './folder.js';

const guardNames = ['one', 'two'] as const;

/**
 * A nats-server of its own on a free port, by the configuration of production, with two guards that have users of their own.
 * Its data goes with `stop`.
 * @param given a configuration to use instead
 */
export async function testNats(
  given?: string,
): Promise<
  Pick<Nats, 'pid' | 'url' | 'urls' | 'stop'> & { readonly guardUrls: Record<(typeof guardNames)[number], string> }
> {
  const dataDir = await testFolder('nats');
  const guards = guardNames.map((name) => ({ name, password: generateSecret() }));
  const own = `${dataDir}.conf`;
  if (given === undefined) await writeGuards(own, guards, BASE_CONFIGURATION);
  const nats = await startNats({ dataDir, configuration: given ?? own, passwords: generateNatsPasswords() });
  const urls = guards.map(({ name, password }) => [name, `nats://guard-${name}:${password}@127.0.0.1:${nats.port}`]);
  return {
    pid: nats.pid,
    url: nats.url,
    urls: nats.urls,
    guardUrls: Object.fromEntries(urls) as Record<(typeof guardNames)[number], string>,
    stop: atTheLatest(async () => {
      await nats.stop();
      await rm(dataDir, { recursive: true, force: true });
      for (const beside of ['log', 'conf', 'jetstream-on.conf', 'jetstream-off.conf']) {
        await rm(`${dataDir}.${beside}`, { force: true });
      }
    }),
  };
}
