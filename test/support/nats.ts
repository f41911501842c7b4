import { rm } from 'node:fs/promises';
import { type Nats, startNats } from '../../tools/embedded-nats.js';
import { generateNatsPasswords } from '../../tools/secrets.js';
import { testFolder } from './folder.js';

/** A nats-server of its own on a free port, by the configuration of production. Its data goes with `stop`. */
export async function testNats(): Promise<Pick<Nats, 'url' | 'urls' | 'stop'>> {
  const dataDir = await testFolder('nats');
  const nats = await startNats({ dataDir, passwords: generateNatsPasswords() });
  return {
    url: nats.url,
    urls: nats.urls,
    stop: async () => {
      await nats.stop();
      await rm(dataDir, { recursive: true, force: true });
      await rm(`${dataDir}.log`, { force: true });
    },
  };
}
