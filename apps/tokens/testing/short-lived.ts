import { setTimeout as delay } from 'node:timers/promises';

const SHORTEST_MS = 60;
const LONGEST_MS = 8_000;

/**
 * What `make` makes with an expiry, once that has passed. Short as it is, a machine that is busy with other things may come to it when it
 * has passed already, which is refused: then it is tried with a longer one.
 */
export async function shortLived<Made>(make: (expiresAt: string) => Promise<Made>): Promise<Made> {
  for (let lifetime = SHORTEST_MS; ; lifetime *= 2) {
    const expiresAt = Date.now() + lifetime;
    try {
      const made = await make(new Date(expiresAt).toISOString());
      await delay(expiresAt - Date.now() + 20);
      return made;
    } catch (error) {
      if (2 * lifetime > LONGEST_MS) throw error;
    }
  }
}
