import { type Migration, Migrator } from '@mikro-orm/migrations';
import type { EntityManager } from '@mikro-orm/postgresql';
import { defineConfig, MikroORM, type Options } from '@mikro-orm/postgresql';
import type { Sql } from '@tokenlog/event-store/sql.js';
import { CompiledQuery } from 'kysely';
import type { Pool } from 'pg';
import { bounded } from './bounded-client.js';
import { checkGrants, ensureRole, ensureSchema, explained } from './database-owner.js';
import { databaseConnection } from './database-url.js';
import { type MigrationStep, rememberSteps, stepsOfNewerVersions, stepsTable } from './migration-steps.js';
import { ParameterDriver } from './parameter-driver.js';

/** A service's part of the database: a schema of its own, used by a role that has no more than its grants. */
export interface DatabasePart {
  readonly schema: string;
  readonly role: string;
  /** What PostgreSQL calls the connections of its service; default: `tokenlog-` and the schema. */
  readonly applicationName?: string;
  /** The role's name in the statements of the migrations, where it is another one here. */
  readonly writtenAs?: string;
}

/** The part with a role of one's own name, `<prefix>_<schema>`: for deployments that share a cluster, where roles are of all. */
export function withRolesOf(part: DatabasePart, prefix: string): DatabasePart {
  const { schema, writtenAs = part.role } = part;
  return { ...part, role: `${prefix}_${schema}`, writtenAs };
}

/**
 * MikroORM for a running service: it acts as the service's role, in the service's schema. Values go as parameters, and every
 * wait has a limit.
 */
export function databaseOptions(url: string, part: DatabasePart, entities: Options['entities'] = []): Options {
  const connection = databaseConnection(url, { role: part.role, search_path: part.schema });
  return defineConfig({
    driver: ParameterDriver,
    dbName: connection.database,
    entities,
    discovery: { warnWhenNoEntities: false },
    pool: { min: 0, max: 10 },
    driverOptions: { application_name: part.applicationName ?? `tokenlog-${part.schema}`, ...bounded(connection) },
    ensureDatabase: false,
  });
}

/**
 * Brings a part of the database up to date, as its owner, and then does `atEachRun`. Runs one at a time, however many try.
 * @returns what a newer version has run, and says is safe for this one; usually nothing
 * @throws ConfigError that says what to run, where the owner may not make what is missing, and where a newer version was here
 * @throws Error when the server is older than PostgreSQL 18, or the database not in UTF-8
 */
export async function migrateDatabase(
  url: string,
  part: DatabasePart,
  steps: readonly MigrationStep[],
  atEachRun: readonly string[] = [],
): Promise<string[]> {
  const connection = databaseConnection(url, { search_path: part.schema });
  const orm = await MikroORM.init(
    defineConfig({
      dbName: connection.database,
      entities: [],
      discovery: { warnWhenNoEntities: false },
      extensions: [Migrator],
      driverOptions: { application_name: 'tokenlog-migrations', ...connection },
      ensureDatabase: false,
      migrations: {
        // With its schema: else it is looked for in `public`, and made again at each run.
        tableName: `${part.schema}.migrations`,
        snapshot: false,
        silent: true,
        migrationsList: steps.map((step) => ({ name: step.name, class: stepOfPart(step, part) })),
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
      const ofNewerVersions = await stepsOfNewerVersions(lock, part.schema, steps);
      await ensureRole(lock, part);
      await ensureSchema(lock, part.schema);
      await ensureSchema(lock, 'tokenlog');
      for (const statement of [...deploymentTable(part.role), ...stepsTable(part.role)]) await lock.query(statement);
      await orm.migrator.up();
      // Those that were run before they were remembered here.
      if (steps.length > 0) await lock.query(rememberSteps(part.schema, steps));
      for (const statement of atEachRun) await lock.query(statement);
      await checkGrants(lock, part);
      return ofNewerVersions;
    } catch (error) {
      throw explained(error);
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

/** The step with the role's name as it is here, and remembered in the transaction that runs it. */
function stepOfPart(Step: MigrationStep, { role, schema, writtenAs = role }: DatabasePart): MigrationStep {
  const written = new RegExp(`\\b${writtenAs}\\b`, 'g');
  return class extends Step {
    override async up(): Promise<void> {
      await super.up();
      super.addSql(rememberSteps(schema, [Step]));
    }

    override addSql(statement: Parameters<Migration['addSql']>[0]): void {
      if (typeof statement !== 'string') throw new Error(`${Step.name}: a step is written in statements`);
      super.addSql(statement.replace(written, role));
    }
  };
}
