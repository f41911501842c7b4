import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Proof } from '@tokenlog/contracts/credential.js';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { Outage } from '@tokenlog/event-store/outage.js';
import { isLiveSecret } from './live-secrets.js';
import { Peppers } from './peppers.js';
import { keyedHash } from './secrets.js';

/** How long a key that another replica imported may be unknown here. */
const RELOAD_MS = 5000;

/**
 * The keyed hashes of imported keys (S37). Such a key has no id in it: it is found by its hash, and as these are few they are
 * held in memory, so that garbage is refused without asking the database.
 */
@Injectable()
export class StaticKeys implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly outage = new Outage('imported keys', new Logger(StaticKeys.name), 'imported keys are not read', {
    steadyMs: 0,
  });
  private owners = new Map<string, string>();
  /** The names of the peppers that are not known here and that live keys are under. */
  private hidden: readonly string[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: EventStore,
    private readonly peppers: Peppers,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.reload();
    this.timer = setInterval(
      () =>
        void this.reload().then(
          () => this.outage.worked(),
          (error) => this.outage.failed(error),
        ),
      RELOAD_MS,
    );
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /**
   * What is proved, with the id of whose it is: told, or that of the imported key which this is. `null`: of none.
   * @throws Problem 503 `pepper-unknown` for what has no id, and may be a live key that is under a pepper which is not known here
   */
  owned(proven: Proof): { readonly id: string; readonly proof: string } | null {
    if ('id' in proven) return proven;
    const id = this.idOf(proven.proof);
    if (id !== null) return { id, proof: proven.proof };
    if (this.hidden.length > 0) throw this.peppers.missing(this.hidden);
    return null;
  }

  /** The token of the imported key that this proves, or `null`. */
  private idOf(proof: string): string | null {
    if (this.owners.size === 0) return null;
    for (const pepper of this.peppers.all) {
      const owner = this.owners.get(keyedHash(pepper, proof).toString('base64'));
      if (owner) return owner;
    }
    return null;
  }

  /** Reads the hashes from the database. A key's first secret stays its own: refreshed, the token has an ordinary one. */
  async reload(): Promise<void> {
    const { rows } = await this.store.pool.query<{ owner: string; hash: Buffer; pepper: string; isLive: boolean }>(
      `SELECT owner, hash, pepper, ${isLiveSecret('owner', (generation) => `${generation} = 1`)} AS "isLive"
       FROM static_keys JOIN secrets ON owner = token_id AND generation = 1 JOIN tokens ON id = owner`,
    );
    const { ids } = this.peppers;
    this.owners = new Map(rows.map(({ owner, hash }) => [hash.toString('base64'), owner]));
    const hidden = rows.filter(({ pepper, isLive }) => isLive && !ids.includes(pepper)).map(({ pepper }) => pepper);
    this.hidden = [...new Set(hidden)];
  }
}
