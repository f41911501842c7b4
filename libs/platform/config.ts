import { z } from 'zod';
import { logVariables } from './logging.js';

/** One or more environment variables are missing or wrong; the message has one line for each, naming it. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

const port = z.coerce.number().int().min(0).max(65535);

/** A TCP port from the environment. */
export const portVariable = (fallback: number) => port.default(fallback);

/** A comma-separated list from the environment. */
export const listVariable = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

/** `true` or `false` from the environment. */
export const booleanVariable = z.enum(['true', 'false']).transform((word) => word === 'true');

/** What every service needs. */
export const serviceVariables = {
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  NATS_URL: z.string().regex(/^(nats|tls|ws|wss):\/\//, 'must begin with nats:// or tls://'),
  SERVER_NAME: z.string().min(1).max(128).default('default'),
  /** Express' `trust proxy`: how many proxies stand in front, so that the caller's address is right in history. */
  TRUSTED_PROXIES: z.coerce.number().int().min(0).max(16).default(0),
  ...logVariables,
};

/**
 * Reads variables by a schema. An empty value counts as unset.
 * @throws ConfigError naming each variable that is missing or wrong
 */
export function readConfig<Shape extends z.ZodRawShape>(shape: Shape, env: NodeJS.ProcessEnv = process.env) {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const result = z.object(shape).safeParse(given);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => {
    const name = String(issue.path[0]);
    return given[name] === undefined ? `${name} is not set: ${issue.message}` : `${name} is wrong: ${issue.message}`;
  });
  throw new ConfigError(lines.join('\n'));
}
