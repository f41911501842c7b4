import type { Migration } from '@mikro-orm/migrations';
import type { Sql } from '@tokenlog/event-store/sql.js';
import { ConfigError } from './config-error.js';

/** A migration: a class of MikroORM's, whose `up` adds statements as text. */
export interface MigrationStep {
  new (...args: ConstructorParameters<typeof Migration>): Migration & { up(): Promise<void> | void };
  /** What the database remembers it by: a static of the class, that of its file. */
  readonly name: string;
  /** Whether versions that do not know this step go on working after it, with nothing lost or misread. Default: they stop. */
  readonly isSafeForEarlier?: boolean;
}

/** What every version reads of the steps that were run, its own and those of versions to come: it only grows. */
export function stepsTable(role: string): string[] {
  return [
    `CREATE TABLE IF NOT EXISTS tokenlog.migration_steps (
      part text NOT NULL,
      name text NOT NULL,
      is_safe_for_earlier boolean NOT NULL,
      PRIMARY KEY (part, name)
    )`,
    `GRANT SELECT ON tokenlog.migration_steps TO ${role}`,
  ];
}

/** Remembers steps; it belongs into the transaction that runs them. */
export function rememberSteps(schema: string, steps: readonly MigrationStep[]): string {
  const rows = steps.map(({ name, isSafeForEarlier = false }) => `('${schema}', '${name}', ${isSafeForEarlier})`);
  return `INSERT INTO tokenlog.migration_steps (part, name, is_safe_for_earlier) VALUES ${rows.join(', ')} ON CONFLICT DO NOTHING`;
}

/**
 * Looks for what a newer version did to a part of the database, before this one does anything there.
 * @param steps those of this version
 * @returns the steps that this version does not know, and that say that it may go on
 * @throws ConfigError naming those that do not say so
 */
export async function stepsOfNewerVersions(
  sql: Sql,
  schema: string,
  steps: readonly MigrationStep[],
): Promise<string[]> {
  if (!(await isThere(sql))) return [];
  const { rows } = await sql.query<{ name: string; safe: boolean }>(
    `SELECT name, is_safe_for_earlier AS safe FROM tokenlog.migration_steps
     WHERE part = $1 AND name <> ALL ($2) ORDER BY name`,
    [schema, steps.map(({ name }) => name)],
  );
  const unsafe = rows.filter(({ safe }) => !safe).map(({ name }) => name);
  if (unsafe.length > 0) {
    throw new ConfigError(
      `DATABASE_URL: a newer version of Tokenlog has changed the schema ${schema} (${unsafe.join(', ')}), and nothing says that ` +
        'this version can read it. Run that version, or restore a back-up from before it.',
    );
  }
  return rows.map(({ name }) => name);
}

/** How it is said that a newer version has been here. */
export function newerVersionWasHere(schema: string, steps: readonly string[]): string {
  return (
    `DATABASE_URL: a newer version of Tokenlog has changed the schema ${schema} (${steps.join(', ')}), ` +
    'and says that earlier ones may go on; this one does.'
  );
}

/**
 * Looks whether a program of this version may work with a part of the database.
 * @returns what a newer version has run, and says is safe for this one
 * @throws ConfigError naming what it must not meet, or the first step of this version that has not been run
 */
export async function checkSteps(sql: Sql, schema: string, steps: readonly MigrationStep[]): Promise<string[]> {
  const newer = await stepsOfNewerVersions(sql, schema, steps);
  const known = (await isThere(sql))
    ? (await sql.query<{ name: string }>('SELECT name FROM tokenlog.migration_steps WHERE part = $1', [schema])).rows
    : [];
  const names = new Set(known.map(({ name }) => name));
  const missing = steps.find(({ name }) => !names.has(name));
  if (missing) {
    throw new ConfigError(
      `DATABASE_URL: the schema ${schema} is not up to date: ${missing.name} has not been run. Run the migrations of this version first.`,
    );
  }
  return newer;
}

async function isThere(sql: Sql): Promise<boolean> {
  const { rows } = await sql.query<{ found: boolean }>(
    `SELECT to_regclass('tokenlog.migration_steps') IS NOT NULL AS found`,
  );
  return rows[0]?.found === true;
}
