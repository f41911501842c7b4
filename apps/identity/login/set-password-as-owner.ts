import { type EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { closeDatabase, type DatabasePart, databaseOptions, sqlOf } from '@tokenlog/platform/database.js';
import { checkSteps } from '@tokenlog/platform/migration-steps.js';
import { identityPart } from '../config/database-part.js';
import { migrations } from '../migrations/migrations.js';
import { hashPassword, randomPassword } from '../user/passwords.js';
import { factsOf, recordUserEvent } from '../user/record-user-event.js';
import { User } from '../user/user.entity.js';
import { IS_NAMED, lockUser } from '../user/users.js';

/** What the owner of the database may do for one who cannot log in any more. */
export interface OwnersPassword {
  /** Unset: random, and to be changed at the next login. */
  readonly password?: string;
  readonly part?: DatabasePart;
}

/**
 * Sets a user's password for whoever owns the database: the way back in where nobody is left who could do it. It is in the
 * log as a change by the system, and the policy for tokens at a password change applies.
 * @returns the name as it is written, and the password
 * @throws Error where there is no such user, or it is an application
 * @throws ConfigError where the database is of another version
 */
export async function setPasswordOf(
  databaseUrl: string,
  username: string,
  { password, part = identityPart }: OwnersPassword = {},
): Promise<{ username: string; password: string; isDisabled: boolean }> {
  const orm = await MikroORM.init(databaseOptions(databaseUrl, part, [User]));
  try {
    return await orm.em.fork().transactional(async (transaction) => {
      const em = transaction as EntityManager;
      await checkSteps(sqlOf(em), part.schema, migrations);
      const named = await em.createQueryBuilder(User).where(IS_NAMED, [username]).getSingleResult();
      const user = named && (await lockUser(em, named.id));
      if (!user) throw new Error(`There is no user ${username}.`);
      if (user.kind === 'application') throw new Error(`${username} is an application: it has tokens and no password.`);
      const set = password ?? randomPassword();
      await setPasswordAsOwner(em, user, set, password === undefined);
      return { username: user.username, password: set, isDisabled: user.disabled };
    });
  } finally {
    await closeDatabase(orm);
  }
}

/** The same in a transaction that has locked the user. */
export async function setPasswordAsOwner(em: EntityManager, user: User, password: string, mustChange: boolean) {
  user.passwordHash = await hashPassword(password);
  user.mustChangePassword = mustChange;
  const data = { user: factsOf(user), tokens: null, exceptSessionId: null };
  await recordUserEvent(em, user, { type: 'password-changed', data }, { by: { kind: 'system' } });
}
