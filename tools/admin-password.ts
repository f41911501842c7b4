// Sets a password for whoever owns the database: npm run admin:password [-- <user name>], by default admin's. It is
// ADMIN_PASSWORD, or a random one that is printed here and must be changed at the next login.
import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { databaseVariables, readConfig } from '@tokenlog/platform/config.js';
import { withRolesOf } from '@tokenlog/platform/database.js';
import { identityPart } from '../apps/identity/config/database-part.js';
import { setPasswordOf } from '../apps/identity/login/set-password-as-owner.js';
import { newPassword } from '../apps/identity/user/user-view.js';
import { takeDataDir } from './data-dir.js';
import { embeddedUrl, runningPort, startPostgres } from './embedded-postgres.js';
import { readSecrets } from './secrets.js';
import { DATABASE } from './servers.js';

try {
  const { ADMIN_PASSWORD, DATABASE_URL, DATABASE_ROLE_PREFIX } = readConfig({
    ADMIN_PASSWORD: newPassword.optional(),
    DATABASE_URL: databaseVariables.DATABASE_URL.optional(),
    DATABASE_ROLE_PREFIX: databaseVariables.DATABASE_ROLE_PREFIX,
  });
  const part = withRolesOf(identityPart, DATABASE_ROLE_PREFIX);
  const set = (url: string) => setPasswordOf(url, process.argv[2] ?? 'admin', { password: ADMIN_PASSWORD, part });
  const { username, password, isDisabled } = await (DATABASE_URL ? set(DATABASE_URL) : withEmbedded(set));
  console.log(
    ADMIN_PASSWORD === undefined
      ? `${username} has the password ${password} now, to be changed at the next login.`
      : `${username} has the password of ADMIN_PASSWORD now.`,
  );
  if (isDisabled) console.log(`${username} is disabled, and cannot log in before an admin changes that.`);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}

/** On the embedded PostgreSQL: the one that runs, or one that is started for as long as it takes. */
async function withEmbedded<Result>(work: (url: string) => Promise<Result>): Promise<Result> {
  const given = process.env.DATA_DIR || '.data';
  if (!existsSync(join(given, 'postgres'))) {
    throw new Error(`DATA_DIR: ${given} holds no database; set DATA_DIR, or DATABASE_URL for another server.`);
  }
  const folder = realpathSync(given);
  const secrets = await readSecrets(folder);
  if (!secrets) throw new Error(`DATA_DIR: ${folder} has no secrets.json, which opens its database.`);
  const running = await runningPort(join(folder, 'postgres'));
  if (running !== undefined) return work(embeddedUrl(secrets.postgresPassword, running, DATABASE));
  const dataDir = await takeDataDir(folder);
  try {
    const postgres = await startPostgres({
      dataDir: join(folder, 'postgres'),
      password: secrets.postgresPassword,
      logFile: join(folder, 'logs', 'postgres.log'),
      wantedPorts: [],
      mayBegin: false,
    });
    try {
      return await work(postgres.url(DATABASE));
    } finally {
      await postgres.stop();
    }
  } finally {
    dataDir.release();
  }
}
