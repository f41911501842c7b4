import { Inject, Injectable } from '@nestjs/common';
import { instant } from '@tokenlog/contracts/message.js';
import { exampleOf, named } from '@tokenlog/contracts/named.js';
import { DatabaseClock } from '@tokenlog/platform/clock.js';
import { z } from 'zod';
import { CONFIG, type Config } from '../config/config.js';
import type { NamedServer } from '../config/servers-variable.js';

const TIMEOUT_MS = 2000;
const FRESH_MS = 5000;

export const serverView = named(
  'Server',
  z.object({
    name: z.string(),
    url: z.string().nullable(),
    self: z.boolean().describe('the one that answers'),
    state: z.enum(['up', 'down']),
    checkedAt: instant,
  }),
  { name: 'default', url: null, self: true, state: 'up', checkedAt: '2026-11-02T09:26:53.589Z' },
);
export const serverList = named('ServerList', z.object({ items: z.array(serverView) }), {
  items: [exampleOf(serverView)],
});
export type ServerView = z.infer<typeof serverView>;

/** This deployment and the configured others, with their state as of a few seconds ago at most. */
@Injectable()
export class Servers {
  private listed: Promise<ServerView[]> | undefined;
  private listedAt = 0;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly clock: DatabaseClock,
  ) {}

  /** This one first, the others as they are configured. They are asked once for all who want to know. */
  list(): Promise<ServerView[]> {
    if (!this.listed || performance.now() - this.listedAt > FRESH_MS) {
      this.listedAt = performance.now();
      this.listed = askAll(this.config.serverName, this.config.servers, TIMEOUT_MS, () => this.clock.now());
    }
    return this.listed;
  }
}

/** Asks each of the others, all at once. The list may name this one too, and then says its address. */
export async function askAll(
  own: string,
  servers: readonly NamedServer[],
  timeoutMs: number,
  now: () => Date,
): Promise<ServerView[]> {
  const url = servers.find(({ name }) => name === own)?.url ?? null;
  const self: ServerView = { name: own, url, self: true, state: 'up', checkedAt: now().toISOString() };
  const others = servers.filter(({ name }) => name !== own);
  const asked = others.map(async ({ name, url }): Promise<ServerView> => {
    const state = (await isReady(url, timeoutMs)) ? 'up' : 'down';
    return { name, url, self: false, state, checkedAt: now().toISOString() };
  });
  return [self, ...(await Promise.all(asked))];
}

/** Whether a deployment is ready for traffic. It is asked where it is configured and nowhere else: a redirect is a no. */
async function isReady(url: string, timeoutMs: number): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const answer = await fetch(`${url}/health/ready`, { redirect: 'manual', signal });
    await answer.body?.cancel();
    return answer.status === 200;
  } catch {
    return false;
  }
}
