/** One or more environment variables are missing or wrong; the message has one line for each, naming it. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}
