import { setTimeout as delay } from 'node:timers/promises';
import { connect, errors } from '@nats-io/transport-node';
import type { LoggerService } from '@nestjs/common';
import pg from 'pg';
import { ConfigError } from './config.js';
import type { DatabasePart } from './database.js';
import { databaseConnection } from './database-url.js';
import { type LogSettings, ServiceLogger } from './logging.js';
import { checkSteps, type MigrationStep, newerVersionWasHere } from './migration-steps.js';
import { cannotConnect, type NatsUser, natsOptions } from './nats.js';
import { isTlsMisfit } from './tls-misfit.js';

/** What a service stands on, and as whom it comes. */
export interface Servers {
  readonly databaseUrl?: string;
  /** What the service becomes there, and where. */
  readonly databasePart?: DatabasePart;
  /** What must have been done to that part. */
  readonly migrations?: readonly MigrationStep[];
  readonly natsUrl: string;
  readonly name: NatsUser;
  /** Default: `info`, as JSON. */
  readonly log?: LogSettings;
}

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;
const ANSWER_MS = 3_000;
/** PostgreSQL's classes of errors that say: not now. Connections, resources, and a server that stops or starts. */
const NOT_NOW = /^(08|53|57P)/;
/** What it says where a session may not become its role: there is none, or it is another's. */
const ROLE_REFUSED = new Set(['22023', '42501']);

/**
 * Waits until PostgreSQL and NATS answer: a service that is started before them, or while one of them has no connection to
 * give, comes up by itself when they do. Says once what it waits for.
 * @throws ConfigError where an answer says that the settings are wrong: waiting would not help
 */
export async function waitForServers(servers: Servers): Promise<void> {
  await waitForDatabase(servers);
  await waitFor('NATS_URL: NATS', servers.log, () => askNats(servers.natsUrl, servers.name));
}

/** Waits until PostgreSQL answers, and sees whether the service's part of the database is one that this version may open. */
export async function waitForDatabase({
  databaseUrl,
  databasePart,
  migrations,
  log,
}: Omit<Servers, 'natsUrl' | 'name'>) {
  if (!databaseUrl) return;
  await waitFor('DATABASE_URL: PostgreSQL', log, (logger) =>
    askDatabase(logger, databaseUrl, databasePart, migrations),
  );
}

async function waitFor(
  what: string,
  log: LogSettings = { level: 'info', format: 'json' },
  ask: (logger: ServiceLogger) => Promise<void>,
): Promise<void> {
  // There is no application yet whose logger could be used.
  const logger = new ServiceLogger(log);
  logger.setContext('Start');
  let said = '';
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
    try {
      await ask(logger);
      if (said) logger.log(`${what} answers; the start goes on`);
      return;
    } catch (error) {
      if (error instanceof ConfigError) throw error;
      const { message } = error as Error;
      if (message !== said) logger.warn(`${what} is waited for: ${message}`);
      said = message;
    }
    await delay(wait);
  }
}

async function askDatabase(
  logger: LoggerService,
  url: string,
  { role, schema }: Partial<DatabasePart> = {},
  migrations: readonly MigrationStep[] = [],
): Promise<void> {
  const connection = databaseConnection(url, role ? { role } : {});
  const client = new pg.Client({ connectionTimeoutMillis: ANSWER_MS, ...connection, query_timeout: ANSWER_MS });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    if (schema === undefined) return;
    const newer = await checkSteps(client, schema, migrations);
    if (newer.length > 0) logger.warn(newerVersionWasHere(schema, newer));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const { code = '', message } = error as Error & { code?: string };
    // An SQLSTATE has five characters; the system's own codes are longer, and tell of a server that is away.
    const isAnswer = (/^[0-9A-Z]{5}$/.test(code) && !NOT_NOW.test(code)) || isTlsMisfit(error);
    const cure =
      role && ROLE_REFUSED.has(code)
        ? `. The role ${role} is made by the migrations, and granted to whom the URL names`
        : '';
    throw isAnswer ? new ConfigError(`DATABASE_URL: ${message}${cure}`) : new Error(message || code);
  } finally {
    // Not waited for: a server that stands still does not say goodbye.
    void client.end().catch(() => undefined);
  }
}

async function askNats(url: string, name: NatsUser): Promise<void> {
  try {
    await (await connect({ ...natsOptions(url, name, `${name}-start`), timeout: ANSWER_MS })).close();
  } catch (error) {
    if (error instanceof errors.AuthorizationError || isTlsMisfit(error)) {
      throw new ConfigError(cannotConnect(url, name, error));
    }
    throw error;
  }
}
