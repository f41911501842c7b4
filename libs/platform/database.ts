import { Migration, Migrator } from '@mikro-orm/migrations';
import type { EntityManager } from '@mikro-orm/postgresql';
import { defineConfig, MikroORM, type Options } from '@mikro-orm/postgresql';
import { createRole } from '@tokenlog/event-store/log.sql.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import { CompiledQuery } from 'kysely';
import type { Pool } from 'pg';
import { boundedPool } from './bounded-client.js';
import { ParameterDriver } from './parameter-driver.js';

/** A service's part of the database: a schema of its own, used by a role that has no more than its grants. */
export interface DatabasePart {
  readonly schema: string;
  readonly role: string;
  /** What PostgreSQL calls the connections of its service; default: `tokenlog-` and the schema. */
  readonly applicationName?: string;
}

/**
 * MikroORM for a running service: it acts as the service's role, in the service's schema. Values go as parameters, and every
 * wait has a limit.
 */
export function databaseOptions(url: string, part: DatabasePart, entities: Options['entities'] = []): Options {
  return defineConfig({
    driver: ParameterDriver,
    clientUrl: url,
    entities,
    discovery: { warnWhenNoEntities: false },
    pool: { min: 0, max: 10 },
    driverOptions: {
      ...boundedPool,
      options: `-c role=${part.role} -c search_path=${part.schema}`,
      application_name: part.applicationName ?? `tokenlog-${part.schema}`,
    },
    ensureDatabase: false,
  });
}

/** A migration: its name is what the database remembers it by. */
export interface MigrationStep {
  readonly name: string;
  readonly statements: readonly string[];
}

/**
 * Brings a part of the database up to date, as its owner, and then does `atEachRun`. Runs one at a time, however many try.
 * @throws Error when the server is older than PostgreSQL 18, or the database not in UTF-8
 */
export async function migrateDatabase(
  url: string,
  part: DatabasePart,
  steps: readonly MigrationStep[],
  atEachRun: readonly string[] = [],
): Promise<void> {
  const orm = await MikroORM.init(
    defineConfig({
      clientUrl: url,
      entities: [],
      discovery: { warnWhenNoEntities: false },
      extensions: [Migrator],
      driverOptions: { options: `-c search_path=${part.schema}`, application_name: 'tokenlog-migrations' },
      migrations: {
        // With its schema: else it is looked for in `public`, and made again at each run.
        tableName: `${part.schema}.migrations`,
        snapshot: false,
        silent: true,
        migrationsList: steps.map(({ name, statements }) => ({ name, class: migrationOf(statements) })),
      },
    } as Options),
  );
  try {
    const pool = await poolOf(orm);
    const lock = await pool.connect();
    try {
      await lock.query('SELECT pg_advisory_lock(hashtext($1))', ['tokenlog-migrations']);
      const { rows } = await lock.query(
        `SELECT current_setting('server_version_num')::int AS version, current_setting('server_encoding') AS encoding`,
      );
      if (rows[0].version < 180000) throw new Error('DATABASE_URL: PostgreSQL 18 or newer is needed');
      if (rows[0].encoding !== 'UTF8') {
        throw new Error(
          `DATABASE_URL: the database is in ${rows[0].encoding}; make one with ENCODING 'UTF8' TEMPLATE template0`,
        );
      }
      await lock.query(createRole(part.role));
      await lock.query(`GRANT ${part.role} TO CURRENT_USER`);
      await lock.query(`CREATE SCHEMA IF NOT EXISTS ${part.schema}`);
      for (const statement of deploymentTable(part.role)) await lock.query(statement);
      await orm.migrator.up();
      for (const statement of atEachRun) await lock.query(statement);
    } finally {
      // Ending the connection gives the lock back.
      lock.release(true);
    }
  } finally {
    await orm.close();
  }
}

/** Which Tokenlog a database is of: an id that is made once, whichever service's part is made first. */
function deploymentTable(role: string): string[] {
  return [
    'CREATE SCHEMA IF NOT EXISTS tokenlog',
    `CREATE TABLE IF NOT EXISTS tokenlog.deployment (
      id uuid PRIMARY KEY DEFAULT uuidv7(),
      made_at timestamptz(3) NOT NULL DEFAULT now()
    )`,
    'INSERT INTO tokenlog.deployment SELECT WHERE NOT EXISTS (SELECT FROM tokenlog.deployment)',
    `GRANT USAGE ON SCHEMA tokenlog TO ${role}`,
    `GRANT SELECT ON tokenlog.deployment TO ${role}`,
  ];
}

/** The `pg` pool below MikroORM. */
export function poolOf(orm: MikroORM): Promise<Pool> {
  return orm.em.getConnection().getNativeClient() as Promise<Pool>;
}

/** Closes MikroORM and its pool, which it leaves open where no query has gone through its own builder. */
export async function closeDatabase(orm: MikroORM): Promise<void> {
  const pool = await poolOf(orm);
  await orm.close();
  if (!pool.ending) await pool.end();
}

/** The transaction that an entity manager is in, for statements that belong to it. */
export function sqlOf(em: EntityManager): Sql {
  const transaction = em.getTransactionContext();
  if (!transaction) throw new Error('the entity manager is not in a transaction');
  return {
    query: (text, values) => transaction.executeQuery(CompiledQuery.raw(text, values)) as never,
  };
}

function migrationOf(statements: readonly string[]) {
  return class extends Migration {
    override async up(): Promise<void> {
      for (const statement of statements) this.addSql(statement);
    }
  };
}
