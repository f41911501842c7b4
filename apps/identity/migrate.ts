import { fileURLToPath } from 'node:url';
import { MikroORM } from '@mikro-orm/postgresql';
import { DatabaseClock } from '@tokenlog/platform/clock.js';
import { ConfigError, readConfig, serviceVariables } from '@tokenlog/platform/config.js';
import { closeDatabase, databaseOptions, migrateDatabase, sqlOf } from '@tokenlog/platform/database.js';
import { usersAndLog } from './migrations/0001-users-and-log.js';
import { externalIdentities } from './migrations/0002-external-identities.js';
import { mailedEvents } from './migrations/0003-mailed-events.js';
import { places } from './migrations/0004-places.js';
import { loginAddresses } from './migrations/0005-login-addresses.js';
import { numbers } from './migrations/0006-numbers.js';
import { foldedUsernames } from './migrations/0007-folded-usernames.js';
import { hashPassword, randomPassword } from './passwords.js';
import { register, registration } from './register-user.js';
import { identityPart, User } from './user.entity.js';
import { newPassword } from './user-view.js';

/** In the order in which they run; a name, once released, stays. */
const migrations = [usersAndLog, externalIdentities, mailedEvents, places, loginAddresses, numbers, foldedUsernames];

/** The first admin, told once: the password is stored only as its hash. */
export interface FirstAdmin {
  readonly username: string;
  readonly password: string;
}

/**
 * Brings identity's part of the database up to date and makes the first admin where there is no user at all: with the
 * given password, or with a random one that must be changed at the first login. May run at any time, and many at once.
 */
export async function migrate(
  databaseUrl: string,
  options: { readonly adminPassword?: string } = {},
): Promise<{ firstAdmin?: FirstAdmin }> {
  await migrateDatabase(databaseUrl, identityPart, migrations, ['SELECT identity.continue_log()']);
  const orm = await MikroORM.init(databaseOptions(databaseUrl, identityPart, [User]));
  try {
    return await orm.em.fork().transactional(async (em) => {
      await sqlOf(em).query(`SELECT pg_advisory_xact_lock(hashtextextended('identity.first-admin', 0))`);
      if ((await em.count(User)) > 0) return {};
      const password = options.adminPassword ?? randomPassword();
      const mustChangePassword = options.adminPassword === undefined;
      const admin = registration.parse({ username: 'admin', roles: ['admin'], mustChangePassword });
      await register(em, await DatabaseClock.read(sqlOf(em)), admin, await hashPassword(password), {
        by: { kind: 'system' },
      });
      return { firstAdmin: { username: admin.username, password } };
    });
  } finally {
    await closeDatabase(orm);
  }
}

async function main(): Promise<void> {
  const { DATABASE_URL, ADMIN_PASSWORD } = readConfig({
    DATABASE_URL: serviceVariables.DATABASE_URL,
    ADMIN_PASSWORD: newPassword.optional(),
  });
  const { firstAdmin } = await migrate(DATABASE_URL, { adminPassword: ADMIN_PASSWORD });
  if (!firstAdmin) return;
  process.stdout.write(`First admin: ${firstAdmin.username}\n`);
  if (ADMIN_PASSWORD === undefined) process.stdout.write(`One-time password: ${firstAdmin.password}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main().catch((error: Error) => {
    process.stderr.write(
      `${error instanceof ConfigError ? error.message : `identity cannot migrate: ${error.message || error.name}`}\n`,
    );
    process.exitCode = 1;
  });
}
