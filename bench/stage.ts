import { setTimeout as delay } from 'node:timers/promises';
import { readLog } from '@tokenlog/event-store/read.js';
import { readCheckpoint } from '@tokenlog/event-store/subscription.js';
import pg from 'pg';
import { type Pepper, readTokensConfig } from '../apps/tokens/config/config.js';
import { TOKENS_DATABASE } from '../apps/tokens/config/database-part.js';
import { generateSecret } from '../tools/secrets.js';
import { type System, startSystem } from '../tools/system.js';
import { Load, type LoadTask } from './load.js';
import { measure } from './measure.js';
import type { Sample } from './sample.js';
import { seedSessions } from './seed-sessions.js';
import { type SeededToken, seedTokens } from './seed-tokens.js';
import type { Provable } from './verify-request.js';

export interface StageOptions {
  readonly dataDir: string;
  /** How many tokens, and users to own them, a case finds in the database. */
  readonly tokens: number;
  readonly users: number;
  /** Settings of PostgreSQL beside those of `npm start`. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

/** How long the publisher may take to work off what a measurement left; in ms. */
const SETTLE_MS = 15_000;
const SETTLE_SEED_MS = 120_000;
const SETTLE_USES_MS = 120_000;

/** The whole system as `npm start` runs it, with tokens in it, and the clients' process. */
export class Stage {
  private constructor(
    readonly system: System,
    readonly tokens: readonly SeededToken[],
    readonly load: Load,
    /** As the database's owner, for looking on. */
    private readonly observer: pg.Client,
    private readonly pepper: Pepper,
  ) {}

  static async set({ dataDir, tokens, users, settings = {}, signal, progress }: StageOptions): Promise<Stage> {
    progress('Starting PostgreSQL, NATS and the services');
    const secret = generateSecret();
    const system = await startSystem({
      dataDir,
      ports: 'free',
      env: {
        ...process.env,
        DATABASE_URL: '',
        NATS_URL: '',
        TOKEN_PEPPER: secret,
        TOKEN_PEPPERS_RETIRED: '',
        // Given, so that it need not be changed before the first token.
        ADMIN_PASSWORD: generateSecret(),
      },
      output: progress,
      signal,
    });
    const { databaseUrl, natsUrls } = system;
    const observer = new pg.Client(databaseUrl);
    let load: Load | undefined;
    try {
      progress(`Making ${tokens.toLocaleString('en')} tokens of ${users.toLocaleString('en')} users`);
      const { peppers } = readTokensConfig({
        DATABASE_URL: databaseUrl,
        NATS_URL: natsUrls.tokens,
        TOKEN_PEPPER: secret,
      });
      const [pepper] = peppers;
      const seeded = await seedTokens({ databaseUrl, pepper, users, tokens });
      if (Object.keys(settings).length > 0) await configure(system, settings);
      await observer.connect();
      await observer.query(`SET search_path = ${TOKENS_DATABASE.schema}`);
      load = await Load.start(natsUrls.identity);
      const stage = new Stage(system, seeded, load, observer, pepper);
      await stage.settle(SETTLE_SEED_MS);
      return stage;
    } catch (error) {
      await load?.stop();
      await observer.end();
      await system.stop();
      throw error;
    }
  }

  /** More tokens, of other users. */
  async seed(wanted: { readonly users: number; readonly tokens: number }): Promise<SeededToken[]> {
    const { system, pepper } = this;
    const seeded = await seedTokens({ databaseUrl: system.databaseUrl, pepper, ...wanted });
    await this.settle(SETTLE_SEED_MS);
    return seeded;
  }

  /** A session of each token. */
  async seedSessions(): Promise<Provable[]> {
    const sessions = await seedSessions(this.system.databaseUrl, this.pepper, this.tokens);
    await this.settle(SETTLE_SEED_MS);
    return sessions;
  }

  /** The text of a new token of the admin's, made as a person makes one. */
  async createAdminToken(scopes: readonly string[]): Promise<string> {
    const { identity, tokens, firstAdmin } = this.system;
    const { session } = await post<{ session: { credential: string } }>(`${identity.url}/login`, { ...firstAdmin });
    const wish = { description: 'bench', scopes, password: firstAdmin?.password };
    const headers = { authorization: `Bearer ${session.credential}` };
    return (await post<{ secret: string }>(`${tokens.url}/tokens`, wish, headers)).secret;
  }

  /** One measurement of requests over NATS. `servers` are those that take part beside the clients and NATS. */
  measure(task: LoadTask, servers: Readonly<Record<string, number | undefined>>): Promise<Sample> {
    const processes = { clients: this.load.pid, ...servers, 'nats-server': this.system.pid('nats') };
    return measure(
      processes,
      () => this.load.run(task),
      () => this.settle(),
    );
  }

  /**
   * Waits until the log is published, so that one measurement's work is not done during the next.
   * @returns how long it took, in ms
   */
  async settle(limitMs = SETTLE_MS): Promise<number> {
    const begun = performance.now();
    while (performance.now() - begun < limitMs) {
      if (await this.isPublished()) return performance.now() - begun;
      await delay(10);
    }
    throw new Error(`The log is not published ${limitMs / 1000} s after the load has ended.`);
  }

  /** Two statements, each by an index: what looks on must cost next to nothing. */
  private async isPublished(): Promise<boolean> {
    const { events } = await readLog(this.observer, await readCheckpoint(this.observer, 'publisher'), 1);
    return events.length === 0;
  }

  /** The uses of all tokens, as far as they are in the log. */
  async usesInLog(): Promise<number> {
    const { rows } = await this.observer.query<{ uses: string }>(
      'SELECT coalesce(sum(use_count), 0) AS uses FROM token_usage',
    );
    return Number(rows[0]?.uses);
  }

  /**
   * Waits until so many uses are in the log, and published: what guards answered from memory comes there later.
   * @returns how long it took, in ms
   * @throws Error when they are not in time, or more are
   */
  async settleUses(expected: number): Promise<number> {
    const begun = performance.now();
    let uses = await this.usesInLog();
    while (uses < expected && performance.now() - begun < SETTLE_USES_MS) {
      await delay(50);
      uses = await this.usesInLog();
    }
    if (uses !== expected) throw new Error(`${expected} uses were made, ${uses} are in the log.`);
    await this.settle();
    return performance.now() - begun;
  }

  /** What is under test, by version. */
  async versions(): Promise<Record<string, string>> {
    const { rows } = await this.observer.query<{ server_version: string }>('SHOW server_version');
    return { PostgreSQL: rows[0]?.server_version ?? '', 'nats-server': await this.load.serverVersion() };
  }

  async end(): Promise<void> {
    await this.load.stop();
    await this.observer.end();
    await this.system.stop();
  }
}

/** Changes settings of PostgreSQL, those too that need a restart. */
async function configure(system: System, settings: Readonly<Record<string, string>>): Promise<void> {
  const client = new pg.Client(system.databaseUrl);
  await client.connect();
  for (const [name, value] of Object.entries(settings)) {
    await client.query(`ALTER SYSTEM SET ${client.escapeIdentifier(name)} = ${client.escapeLiteral(value)}`);
  }
  await client.end();
  await system.restart('postgres');
}

async function post<Reply>(url: string, body: object, headers: Readonly<Record<string, string>> = {}): Promise<Reply> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${new URL(url).pathname} answers ${response.status}`);
  return (await response.json()) as Reply;
}
