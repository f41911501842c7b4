import { pathToFileURL } from 'node:url';
import { type RebuildReport, rebuild } from '@tokenlog/event-store/rebuild.js';
import { databaseVariables, readConfig } from '@tokenlog/platform/config.js';
import { type DatabasePart, withRolesOf } from '@tokenlog/platform/database.js';
import { databaseConnection } from '@tokenlog/platform/database-url.js';
import { checkSteps } from '@tokenlog/platform/migration-steps.js';
import { Pool } from 'pg';
import { TOKENS_DATABASE } from './config/database-part.js';
import { migrations } from './migrations/migrations.js';
import { expiryTable } from './table/expiry-table.js';
import { sessionTable } from './table/session-table.js';
import { tokenTable } from './table/token-table.js';

const projections = [tokenTable, sessionTable, expiryTable];

/**
 * Rebuilds the tables of one projection from the log, while the services run.
 * @param databaseUrl as the owner of the database, whom the migrations run as
 * @throws Error for a name that no projection has
 * @throws ConfigError where the database is of another version
 */
export async function rebuildProjection(
  databaseUrl: string,
  name: string,
  progress?: (events: number) => void,
  { schema, role }: DatabasePart = TOKENS_DATABASE,
): Promise<RebuildReport> {
  const projection = projections.find((each) => each.name === name);
  if (!projection) {
    const names = projections.map((each) => each.name).join(', ');
    throw new Error(`There is no projection ${JSON.stringify(name)}; there are: ${names}.`);
  }
  const owner = new Pool({ ...databaseConnection(databaseUrl), max: 2 });
  try {
    await checkSteps(owner, schema, migrations);
    return await rebuild(owner, schema, role, projection, progress);
  } finally {
    await owner.end();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    const { DATABASE_URL, DATABASE_ROLE_PREFIX } = readConfig(databaseVariables);
    const progress = (events: number) => process.stderr.write(`${events} events read\n`);
    const part = withRolesOf(TOKENS_DATABASE, DATABASE_ROLE_PREFIX);
    const report = await rebuildProjection(DATABASE_URL, process.argv[2] ?? '', progress, part);
    process.stdout.write(
      `Rebuilt from ${report.events} events. Rows that differed: ${JSON.stringify(report.differences)}\n`,
    );
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
