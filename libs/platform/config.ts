import { accessSync, constants } from 'node:fs';
import { parseNatsUrl } from '@tokenlog/contracts/nats-url.js';
import { z } from 'zod';
import { ConfigError } from './config-error.js';
import { readDatabaseUrl } from './database-url.js';
import { logVariables } from './logging.js';
import { MISSING } from './schema-words.js';
import { type Environment, givenBy } from './variables.js';

export { ConfigError };

const port = z.coerce.number().int().min(0).max(65535);

/** A TCP port from the environment. */
export const portVariable = (fallback: number) => port.default(fallback);

/**
 * A list from the environment: values with commas or line ends between them, blanks around them gone; or, for values that have
 * such characters, texts in a JSON list.
 */
export const listVariable = z.string().transform((text, context) => {
  if (!text.trimStart().startsWith('[')) {
    return text
      .split(/[,\r\n]/)
      .map((item) => item.trim())
      .filter((item) => item !== '');
  }
  const list = z.array(z.string().min(1)).safeParse(parseJson(text));
  if (list.success) return list.data;
  context.addIssue({
    code: 'custom',
    message: 'a value that begins with [ is a JSON list of texts: ["one", "another"]',
  });
  return z.NEVER;
});

/** `true` or `false` from the environment. */
export const booleanVariable = z.enum(['true', 'false']).transform((word) => word === 'true');

/** Which parts of a URL can be done is known to who does them. */
const checkedBy = (check: (url: string) => unknown) =>
  z.string().superRefine((url, context) => {
    try {
      check(url);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
    }
  });

/** Names of a deployment's own for the roles of its databases. */
export const databaseVariables = {
  DATABASE_URL: checkedBy((url) => readDatabaseUrl(url)),
  /** Roles are a whole cluster's: two deployments in one want names of their own. */
  DATABASE_ROLE_PREFIX: z
    .string()
    .regex(/^[a-z_][a-z0-9_]{0,39}$/, '1 to 40 of a-z 0-9 _ beginning with a letter')
    .default('tokenlog'),
};

/** The NATS servers, with the credentials in the URL. */
export const natsVariable = checkedBy((url) => {
  const { caFile, certFile, keyFile } = parseNatsUrl(url).tls ?? {};
  for (const path of [caFile, certFile, keyFile]) if (path) accessSync(path, constants.R_OK);
});

/** The address that HTTP is listened on; unset: every one. */
export const bindAddressVariable = z
  .union([z.ipv4(), z.ipv6(), z.literal('localhost')], { error: 'an IP address, or localhost' })
  .optional();

/** What every service needs. */
export const serviceVariables = {
  ...databaseVariables,
  NATS_URL: natsVariable,
  BIND_ADDRESS: bindAddressVariable,
  SERVER_NAME: z.string().min(1).max(128).default('default'),
  /** Express' `trust proxy`: how many proxies stand in front, so that the caller's address is right in history. */
  TRUSTED_PROXIES: z.coerce.number().int().min(0).max(16).default(0),
  ...logVariables,
};

/**
 * Reads variables by a schema. An empty value counts as unset; line ends around a value are none of it; `NAME_FILE` names a file
 * that has the value of `NAME`.
 * @throws ConfigError naming each variable that is missing or wrong
 */
export function readConfig<Shape extends z.ZodRawShape>(shape: Shape, env: Environment = process.env) {
  const given = givenBy(env, Object.keys(shape));
  const result = z.object(shape).safeParse(given.values);
  if (result.success && given.wrong.length === 0) return result.data;
  const lines = (result.error?.issues ?? []).map((issue) => {
    const name = String(issue.path[0]);
    const from = given.files.get(name) ? ` (in ${name}_FILE)` : '';
    if (given.values[name] !== undefined) return `${name}${from} is wrong: ${issue.message}`;
    return issue.message === MISSING ? `${name} is not set` : `${name} is not set: ${issue.message}`;
  });
  // What cannot be read is not said to be unset as well.
  const unread = given.wrong.map(({ name }) => name);
  const others = lines.filter((line) => !unread.some((name) => line.startsWith(`${name} is not set`)));
  throw new ConfigError([...given.wrong.map(({ line }) => line), ...others].join('\n'));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
