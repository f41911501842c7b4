import { portVariable, readConfig, serviceVariables } from '@tokenlog/platform/config.js';
import { withRolesOf } from '@tokenlog/platform/database.js';
import { z } from 'zod';
import { identityPart } from './database-part.js';
import { externalLoginOf, externalLoginVariables } from './external-login-settings.js';
import { mailSettingsOf, mailVariables } from './mail-settings.js';

const attempts = z.coerce.number().int().min(1).max(1_000_000);

/** The variables that this service reads: docs/configuration.md says what they mean. */
export const identityVariables = {
  ...serviceVariables,
  ...externalLoginVariables,
  ...mailVariables,
  IDENTITY_PORT: portVariable(3001),
  LOGIN_ATTEMPTS_PER_ACCOUNT: attempts.default(10),
  LOGIN_ATTEMPTS_PER_ADDRESS: attempts.default(100),
  LOGIN_ATTEMPTS_PER_ACCOUNT_HOURLY: attempts.default(100),
};

/** @throws ConfigError naming each variable that is missing or wrong */
export function readIdentityConfig(env: NodeJS.ProcessEnv = process.env) {
  const variables = readConfig(identityVariables, env);
  const databasePart = withRolesOf(identityPart, variables.DATABASE_ROLE_PREFIX);
  return { ...variables, databasePart, externalLogin: externalLoginOf(variables), mail: mailSettingsOf(variables) };
}
export type IdentityConfig = ReturnType<typeof readIdentityConfig>;
