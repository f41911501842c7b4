import { rm } from 'node:fs/promises';
import { type Nats, startNats } from '../../tools/embedded-nats.js';
import { generateNatsPasswords } from '../../tools/secrets.js';
import { testFolder } from './folder.js';

/**
 * A nats-server of its own on a free port, by the configuration of production. Its data goes with `stop`.
 * @param configuration a file to use instead
 */
export async function testNats(configuration?: string): Promise<Pick<Nats, 'pid' | 'url' | 'urls' | 'stop'>> {
  const dataDir = await testFolder('nats');
  const nats = await startNats({ dataDir, configuration, passwords: generateNatsPasswords() });
  return {
    pid: nats.pid,
    url: nats.url,
    urls: nats.urls,
    stop: async () => {
      await nats.stop();
      await rm(dataDir, { recursive: true, force: true });
      for (const beside of ['log', 'jetstream-on.conf', 'jetstream-off.conf']) {
        await rm(`${dataDir}.${beside}`, { force: true });
      }
    },
  };
}
