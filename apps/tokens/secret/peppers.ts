import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { PEPPER_UNKNOWN } from '@tokenlog/contracts/tokens/verify.js';
import { ownPool } from '@tokenlog/platform/bounded-client.js';
import { ConfigError } from '@tokenlog/platform/config.js';
import { databaseConnection } from '@tokenlog/platform/database-url.js';
import { Problem } from '@tokenlog/platform/problem.js';
import type { Pool } from 'pg';
import { CONFIG, type Config, type Pepper } from '../config/config.js';
import { countLiveSecrets, type LiveCount } from './live-secrets.js';
import { readHolders, renewHolder } from './pepper-holders.js';

/** How often a service says in the database that it runs, and hears of the others. In ms. */
const BEAT_MS = 2_000;
/** After such a gap of its own it cannot tell who else was only kept from saying so. In ms. */
const GAP_MS = 6_000;
const LOOK_MS = 200;

/** The keys that a running service has, the one for new hashes first. */
type Held = readonly string[];

/**
 * The keys of stored hashes that this process has, and what the other token services have: they say so in the database. Secrets
 * are made and moved under a key that every running service has, so that one rolling restart brings a new key in.
 */
@Injectable()
export class Peppers implements OnModuleInit, OnApplicationShutdown {
  readonly all: Config['peppers'];
  /** Their names, as they stand beside each hash. */
  readonly ids: readonly string[];
  private readonly logger = new Logger(Peppers.name);
  private readonly instance = randomUUID();
  /** Of its own: it is needed until all else has ended, and nobody may keep it waiting. */
  private readonly pool: Pool;
  private others: readonly Held[] = [];
  private lastBeat = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | undefined;
  private readonly toldOf = new Set<string>();

  constructor(@Inject(CONFIG) private readonly config: Config) {
    this.all = config.peppers;
    this.ids = config.peppers.map(({ id }) => id);
    const { role, schema, applicationName } = config.databasePart;
    this.pool = ownPool(
      databaseConnection(config.databaseUrl, { role, search_path: schema }),
      { max: 1, application_name: applicationName },
      this.logger,
    );
  }

  /** @throws ConfigError where live secrets are under a key that is missing here, unless that is accepted */
  async onModuleInit(): Promise<void> {
    await this.beat();
    await this.waitForThoseWithMore();
    await this.assertNoneMissing();
    this.timer = setInterval(
      () => void this.beat().catch((error: Error) => this.logger.warn(`not said that it runs: ${error.message}`)),
      BEAT_MS,
    );
  }

  /** Last of all: what was asked before is still answered by the keys that it has. */
  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.pool
      .query('DELETE FROM pepper_holders WHERE instance = $1', [this.instance])
      .catch((error: Error) => this.logger.warn(`the others hear later that it has stopped: ${error.message}`));
    await this.pool.end();
  }

  /** The key of new hashes: the first here that all others have too. Who has none of these counts for nothing. */
  get current(): Pepper {
    const others = this.sharing();
    return this.all.find(({ id }) => others.every((held) => held.includes(id))) ?? this.all[0];
  }

  /** Whether a secret under this key is to move to the current one as it is proved. */
  isToMove(id: string): boolean {
    const { id: current } = this.current;
    if (id === current) return false;
    const others = this.sharing();
    // Where two services prefer different keys, a secret would go to and fro between them.
    return others.some((held) => !held.includes(id)) || others.every(([first]) => first === current);
  }

  /**
   * What to answer about a secret that is under a key which this process has not: it may be good. Logged once for each key.
   * @param ids of the keys that are missing
   */
  missing(ids: readonly string[]): Problem {
    for (const id of ids) {
      if (this.toldOf.has(id)) continue;
      this.toldOf.add(id);
      this.logger.error(
        `A secret under the key ${id} was presented, and that key is neither TOKEN_PEPPER nor in TOKEN_PEPPERS_RETIRED here: ` +
          `503 ${PEPPER_UNKNOWN}, as for each one under it from now on`,
      );
    }
    return new Problem(PEPPER_UNKNOWN, 'This secret is kept under a key that this service does not have now.', {
      retryAfterSeconds: 5,
    });
  }

  private sharing(): readonly Held[] {
    return this.others.filter((held) => held.some((id) => this.ids.includes(id)));
  }

  private async beat(): Promise<void> {
    await renewHolder(this.pool, this.instance, this.ids);
    const now = performance.now();
    const wasAway = now - this.lastBeat > GAP_MS;
    const { holders, older } = await readHolders(this.pool, this.instance);
    this.others = [...holders.filter(({ live }) => live || wasAway).map(({ peppers }) => peppers), ...older];
    this.lastBeat = now;
  }

  /**
   * Until those that have a key which is missing here have heard of this process, secrets may still be moved to it. Once
   * they have renewed their entry twice, they have read this one.
   */
  private async waitForThoseWithMore(): Promise<void> {
    const renewals = new Map<string, Set<string>>();
    for (;;) {
      const { holders } = await readHolders(this.pool, this.instance);
      const awaited = holders.filter(({ instance, peppers, live, renewed }) => {
        const seen = renewals.get(instance) ?? new Set();
        renewals.set(instance, seen.add(renewed));
        return live && peppers.some((id) => !this.ids.includes(id)) && seen.size < 3;
      });
      if (awaited.length === 0) return;
      await delay(LOOK_MS);
    }
  }

  private async assertNoneMissing(): Promise<void> {
    const missing = await countLiveSecrets(this.pool, this.ids);
    const lines = missing.map(describe);
    if (lines.length === 0) return;
    if (!this.config.acceptMissingPeppers) {
      const hint =
        'Add it there, or set TOKEN_PEPPERS_MISSING=accept to go on without: each is then answered with a 503.';
      throw new ConfigError(lines.map((line) => `TOKEN_PEPPER is wrong: ${line}. ${hint}`).join('\n'));
    }
    for (const line of lines) this.logger.warn(`TOKEN_PEPPERS_MISSING=accept: ${line}`);
  }
}

function describe({ pepper, tokens, sessions }: LiveCount): string {
  return (
    `${tokens + sessions} live secrets (${tokens} of tokens, ${sessions} of sessions) are kept under the key ${pepper}, ` +
    'which is neither TOKEN_PEPPER nor in TOKEN_PEPPERS_RETIRED'
  );
}
