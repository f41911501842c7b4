import { portVariable, readConfig, serviceVariables } from '@tokenlog/platform/config.js';
import { withRolesOf } from '@tokenlog/platform/database.js';
import { z } from 'zod';
import { externalLoginOf, externalLoginVariables } from './external-login-settings.js';
import { mailSettingsOf, mailVariables } from './mail-settings.js';
import { identityPart } from './user.entity.js';

const attempts = z.coerce.number().int().min(1).max(1_000_000);

/** @throws ConfigError naming each variable that is missing or wrong */
export function readIdentityConfig(env: NodeJS.ProcessEnv = process.env) {
  const variables = readConfig(
    {
      ...serviceVariables,
      ...externalLoginVariables,
      ...mailVariables,
      IDENTITY_PORT: portVariable(3001),
      /** Wrong passwords for one account from one address in 15 minutes. */
      LOGIN_ATTEMPTS_PER_ACCOUNT: attempts.default(10),
      /** Wrong passwords from one address in 15 minutes, for accounts that have not logged in from there. */
      LOGIN_ATTEMPTS_PER_ADDRESS: attempts.default(100),
      /** Wrong passwords for one account in an hour, from all addresses where it has not logged in. */
      LOGIN_ATTEMPTS_PER_ACCOUNT_HOURLY: attempts.default(100),
    },
    env,
  );
  const databasePart = withRolesOf(identityPart, variables.DATABASE_ROLE_PREFIX);
  return { ...variables, databasePart, externalLogin: externalLoginOf(variables), mail: mailSettingsOf(variables) };
}
export type IdentityConfig = ReturnType<typeof readIdentityConfig>;
