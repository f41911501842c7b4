import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { Proof } from '@tokenlog/contracts/credential.js';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { Outage } from '@tokenlog/event-store/outage.js';
import { CONFIG, type Config } from './config.js';
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
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: EventStore,
    @Inject(CONFIG) private readonly config: Config,
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

  /** What is proved, with the id of whose it is: told, or that of the imported key which this is. `null`: of none. */
  owned(proven: Proof): { readonly id: string; readonly proof: string } | null {
    if ('id' in proven) return proven;
    const id = this.idOf(proven.proof);
    return id === null ? null : { id, proof: proven.proof };
  }

  /** The token of the imported key that this proves, or `null`. */
  private idOf(proof: string): string | null {
    if (this.owners.size === 0) return null;
    for (const pepper of this.config.peppers) {
      const owner = this.owners.get(keyedHash(pepper, proof).toString('base64'));
      if (owner) return owner;
    }
    return null;
  }

  /** Reads the hashes from the database. A key's first secret stays its own: refreshed, the token has an ordinary one. */
  async reload(): Promise<void> {
    const { rows } = await this.store.pool.query<{ owner: string; hash: Buffer }>(
      'SELECT owner, hash FROM secrets WHERE generation = 1 AND owner IN (SELECT token_id FROM static_keys)',
    );
    this.owners = new Map(rows.map(({ owner, hash }) => [hash.toString('base64'), owner]));
  }
}
