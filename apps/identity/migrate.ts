import { fileURLToPath } from 'node:url';
import { type EntityManager, LockMode, MikroORM } from '@mikro-orm/postgresql';
import { DatabaseClock } from '@tokenlog/platform/clock.js';
import { ConfigError, databaseVariables, readConfig } from '@tokenlog/platform/config.js';
import {
  closeDatabase,
  type DatabasePart,
  databaseOptions,
  migrateDatabase,
  sqlOf,
  withRolesOf,
} from '@tokenlog/platform/database.js';
import { ensureLoginOf } from '@tokenlog/platform/database-login.js';
import { newerVersionWasHere } from '@tokenlog/platform/migration-steps.js';
import { identityPart } from './config/database-part.js';
import { setPasswordAsOwner } from './login/set-password-as-owner.js';
import { migrations } from './migrations/migrations.js';
import { hashPassword, isPassword, randomPassword } from './user/passwords.js';
import { register, registration } from './user/register-user.js';
import { User } from './user/user.entity.js';
import { newPassword } from './user/user-view.js';

const ADMIN = 'admin';

/** The first admin, told once: the password is stored only as its hash. */
export interface FirstAdmin {
  readonly username: string;
  readonly password: string;
}

/** How identity's part of the database is brought up to date. */
export interface MigrateOptions {
  /** Of the first admin; without one it is random, and must be changed at the first login. */
  readonly adminPassword?: string;
  /** Whether a random one is made anew while nobody has logged in: the one that was made may have been shown to nobody. */
  readonly renew?: boolean;
  readonly part?: DatabasePart;
}

/** What there is to tell of it. */
export interface Migrated {
  /** Where this run made the first admin, or gave it another password. */
  readonly firstAdmin?: FirstAdmin;
  /** Whether an `adminPassword` was given and is not that of the admin: there are users, and they keep theirs. */
  readonly isUnused?: true;
  /** That a newer version was here, and says that this one may go on. */
  readonly newerVersion?: string;
}

/** What whoever gave a password that is not used has to know. */
export const ADMIN_PASSWORD_UNUSED =
  'ADMIN_PASSWORD is not used: this system has an admin already, with another password. It is of the first run alone. ' +
  'To set it: npm run admin:password';

/**
 * Brings identity's part of the database up to date and makes the first admin where there is no user at all: with the
 * given password, or with a random one that must be changed at the first login. Until somebody has logged in, a password that
 * is given still counts. May run at any time, and many at once.
 */
export async function migrate(databaseUrl: string, options: MigrateOptions = {}): Promise<Migrated> {
  const { part = identityPart } = options;
  const newer = await migrateDatabase(databaseUrl, part, migrations, ['SELECT identity.continue_log()']);
  const orm = await MikroORM.init(databaseOptions(databaseUrl, part, [User]));
  try {
    const made = await orm.em.fork().transactional(async (em) => {
      await sqlOf(em).query(`SELECT pg_advisory_xact_lock(hashtextextended('identity.first-admin', 0))`);
      return firstAdmin(em, options);
    });
    return newer.length > 0 ? { ...made, newerVersion: newerVersionWasHere(part.schema, newer) } : made;
  } finally {
    await closeDatabase(orm);
  }
}

async function firstAdmin(em: EntityManager, { adminPassword, renew }: MigrateOptions): Promise<Migrated> {
  const users = await em.count(User);
  const password = adminPassword ?? randomPassword();
  const mustChangePassword = adminPassword === undefined;
  if (users === 0) {
    const admin = registration.parse({ username: ADMIN, roles: ['admin'], mustChangePassword });
    await register(em, await DatabaseClock.read(sqlOf(em)), admin, await hashPassword(password), {
      by: { kind: 'system' },
    });
    return { firstAdmin: { username: ADMIN, password } };
  }
  const found = await em.findOne(User, { username: ADMIN }, { lockMode: LockMode.PESSIMISTIC_WRITE });
  if (adminPassword !== undefined && (await isPassword(found?.passwordHash, adminPassword))) return {};
  // Nobody has been there who could have set another.
  const isUntouched = users === 1 && found?.passwordHash && found.lastLoginAt === null;
  if (!isUntouched) return adminPassword === undefined ? {} : { isUnused: true };
  if (adminPassword === undefined && !(renew && found.mustChangePassword)) return {};
  await setPasswordAsOwner(em, found, password, mustChangePassword);
  return { firstAdmin: { username: ADMIN, password } };
}

async function main(): Promise<void> {
  const { DATABASE_URL, DATABASE_ROLE_PREFIX, ADMIN_PASSWORD, IDENTITY_DATABASE_URL } = readConfig({
    ...databaseVariables,
    /** What the service will connect with: its login is made, or given this password. */
    IDENTITY_DATABASE_URL: databaseVariables.DATABASE_URL.optional(),
    ADMIN_PASSWORD: newPassword.optional(),
  });
  const part = withRolesOf(identityPart, DATABASE_ROLE_PREFIX);
  const { firstAdmin, isUnused, newerVersion } = await migrate(DATABASE_URL, { adminPassword: ADMIN_PASSWORD, part });
  if (IDENTITY_DATABASE_URL) {
    await ensureLoginOf(DATABASE_URL, part, IDENTITY_DATABASE_URL, 'IDENTITY_DATABASE_URL');
  }
  if (newerVersion) process.stdout.write(`${newerVersion}\n`);
  if (isUnused) process.stdout.write(`${ADMIN_PASSWORD_UNUSED}\n`);
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
