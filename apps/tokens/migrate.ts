import { pathToFileURL } from 'node:url';
import { databaseVariables, readConfig } from '@tokenlog/platform/config.js';
import { type DatabasePart, migrateDatabase, withRolesOf } from '@tokenlog/platform/database.js';
import { ensureLoginOf } from '@tokenlog/platform/database-login.js';
import { newerVersionWasHere } from '@tokenlog/platform/migration-steps.js';
import { TOKENS_DATABASE } from './config/database-part.js';
import { migrations } from './migrations/migrations.js';

/**
 * Brings the token service's part of the database up to date, as the owner of `databaseUrl`.
 * @returns what there is to say of it: usually nothing
 */
export async function migrate(databaseUrl: string, part: DatabasePart = TOKENS_DATABASE): Promise<string[]> {
  const newer = await migrateDatabase(databaseUrl, part, migrations, ['SELECT tokens.continue_log()']);
  return newer.length > 0 ? [newerVersionWasHere(part.schema, newer)] : [];
}

async function main(): Promise<void> {
  const { DATABASE_URL, DATABASE_ROLE_PREFIX, TOKENS_DATABASE_URL } = readConfig({
    ...databaseVariables,
    /** What the service will connect with: its login is made, or given this password. */
    TOKENS_DATABASE_URL: databaseVariables.DATABASE_URL.optional(),
  });
  const part = withRolesOf(TOKENS_DATABASE, DATABASE_ROLE_PREFIX);
  for (const line of await migrate(DATABASE_URL, part)) process.stdout.write(`${line}\n`);
  if (TOKENS_DATABASE_URL) await ensureLoginOf(DATABASE_URL, part, TOKENS_DATABASE_URL, 'TOKENS_DATABASE_URL');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  main().catch((error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
}
