import { portVariable, readConfig, serviceVariables } from '@tokenlog/platform/config.js';

/** The variables that this service reads: docs/configuration.md says what they mean. */
export const exampleVariables = {
  EXAMPLE_PORT: portVariable(3003),
  BIND_ADDRESS: serviceVariables.BIND_ADDRESS,
  NATS_URL: serviceVariables.NATS_URL,
  TRUSTED_PROXIES: serviceVariables.TRUSTED_PROXIES,
  LOG_LEVEL: serviceVariables.LOG_LEVEL,
  LOG_FORMAT: serviceVariables.LOG_FORMAT,
};

/**
 * Reads the environment.
 * @throws ConfigError naming each variable that is missing or wrong
 */
export const exampleConfig = (env: NodeJS.ProcessEnv) => readConfig(exampleVariables, env);

/** What the environment says. */
export type ExampleConfig = ReturnType<typeof exampleConfig>;
