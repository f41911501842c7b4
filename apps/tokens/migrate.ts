import { pathToFileURL } from 'node:url';
import { databaseVariables, readConfig } from '@tokenlog/platform/config.js';
import { type DatabasePart, migrateDatabase, withRolesOf } from '@tokenlog/platform/database.js';
import { migrations, TOKENS_DATABASE } from './migrations.js';

/** Brings the token service's part of the database up to date, as the owner of `databaseUrl`. */
export async function migrate(databaseUrl: string, part: DatabasePart = TOKENS_DATABASE): Promise<void> {
  await migrateDatabase(databaseUrl, part, migrations, ['SELECT tokens.continue_log()']);
}

async function main(): Promise<void> {
  const { DATABASE_URL, DATABASE_ROLE_PREFIX } = readConfig(databaseVariables);
  await migrate(DATABASE_URL, withRolesOf(TOKENS_DATABASE, DATABASE_ROLE_PREFIX));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  main().catch((error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
}
