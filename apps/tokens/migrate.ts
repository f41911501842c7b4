import { pathToFileURL } from 'node:url';
import { migrateDatabase } from '@tokenlog/platform/database.js';
import { migrations, TOKENS_DATABASE } from './migrations.js';

/** Brings the token service's part of the database up to date, as the owner of `databaseUrl`. */
export async function migrate(databaseUrl: string): Promise<void> {
  await migrateDatabase(databaseUrl, TOKENS_DATABASE, migrations, ['SELECT tokens.continue_log()']);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  migrate(process.env.DATABASE_URL ?? '').catch((error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
}
