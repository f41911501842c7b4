import { createHash } from 'node:crypto';
import { scope } from '@tokenlog/contracts/message.js';
import { listVariable, portVariable, readConfig, serviceVariables } from '@tokenlog/platform/config.js';
import { type DatabasePart, withRolesOf } from '@tokenlog/platform/database.js';
import { type LogSettings, logSettings } from '@tokenlog/platform/logging.js';
import { asGiven, withoutLineEnds } from '@tokenlog/platform/variables.js';
import { z } from 'zod';
import { assertConsistent } from './consistent-settings.js';
import { TOKENS_DATABASE } from './database-part.js';
import { thresholdsVariable } from './expiry-thresholds.js';
import { type Policy, policyOf, policyVariables } from './policy.js';
import { issuerVariable } from './public-address.js';
import { type NamedServer, serversVariable } from './servers-variable.js';

/** Injection token of `Config`. */
export const CONFIG = Symbol('CONFIG');

/** A key of the stored hashes. */
export interface Pepper {
  /** Names the key beside each hash; tells nothing of it. */
  readonly id: string;
  readonly key: string;
}

/** What the token service runs with. */
export interface Config {
  readonly port: number;
  /** Unset: every address. */
  readonly bindAddress: string | undefined;
  readonly databaseUrl: string;
  readonly databasePart: DatabasePart;
  readonly natsUrl: string;
  readonly serverName: string;
  /** The address that OAuth clients know the service by (RFC 8414); unset: the one that they ask. */
  readonly issuer: string | undefined;
  readonly trustedProxies: number;
  readonly log: LogSettings;
  readonly policy: Policy;
  /** The variables that the environment set, of those that make the policy. */
  readonly policySet: ReadonlySet<string>;
  /** The first is used for new hashes once every running service has it; the others are still accepted. */
  readonly peppers: readonly [Pepper, ...Pepper[]];
  /** Whether to start although live secrets are under a key that is missing. */
  readonly acceptMissingPeppers: boolean;
  readonly sessionLifetimeHours: number;
  /** How many days before its expiry a token is warned of (S41). */
  readonly expiryWarningDays: readonly number[];
  /** The deployments that the console can pick from (S38); this one may be among them. */
  readonly servers: readonly NamedServer[];
  /** A `.properties` file of static keys to import (S37), and the scopes that they get. */
  readonly accessKeysFile: string | null;
  readonly accessKeyScopes: readonly string[];
}

const pepper = z.string().min(16, 'must be at least 16 characters');
/** A pepper that itself has a comma must not be taken for two in silence. */
const retiredPeppers = listVariable.pipe(
  z.array(z.string().min(16, 'each is at least 16 characters; one that has a comma stands in a JSON list: ["a,b"]')),
);

/** The variables that this service reads: docs/configuration.md says what they mean. */
export const tokensVariables = {
  ...serviceVariables,
  ...policyVariables,
  TOKENS_PORT: portVariable(3002),
  TOKEN_PEPPER: pepper,
  TOKEN_PEPPERS_RETIRED: retiredPeppers.default([]),
  TOKEN_PEPPERS_MISSING: z.enum(['stop', 'accept']).default('stop'),
  ACCESS_KEYS_FILE: z.string().optional(),
  ACCESS_KEYS_SCOPES: listVariable.pipe(z.array(scope)).default(['rest']),
  EXPIRY_WARNING_DAYS: thresholdsVariable,
  SERVERS: serversVariable,
  OAUTH_ISSUER: issuerVariable,
  SESSION_LIFETIME_HOURS: z.coerce.number().positive().max(720).default(12),
};

/**
 * Reads the environment.
 * @throws ConfigError naming each variable that is missing or wrong, and those that contradict each other
 */
export function readTokensConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const variables = readConfig(tokensVariables, env);
  const policy = policyOf(variables);
  const areUsed = variables.ACCESS_KEYS_FILE !== undefined || Boolean(env.ACCESS_KEYS_SCOPES);
  assertConsistent(policy, { scopes: variables.ACCESS_KEYS_SCOPES, areUsed });
  return {
    port: variables.TOKENS_PORT,
    databaseUrl: variables.DATABASE_URL,
    databasePart: withRolesOf(TOKENS_DATABASE, variables.DATABASE_ROLE_PREFIX),
    bindAddress: variables.BIND_ADDRESS,
    natsUrl: variables.NATS_URL,
    serverName: variables.SERVER_NAME,
    issuer: variables.OAUTH_ISSUER,
    trustedProxies: variables.TRUSTED_PROXIES,
    log: logSettings(variables),
    policy,
    policySet: new Set(Object.keys(policyVariables).filter((name) => env[name])),
    peppers: peppersOf(variables.TOKEN_PEPPER, variables.TOKEN_PEPPERS_RETIRED, env),
    acceptMissingPeppers: variables.TOKEN_PEPPERS_MISSING === 'accept',
    sessionLifetimeHours: variables.SESSION_LIFETIME_HOURS,
    expiryWarningDays: variables.EXPIRY_WARNING_DAYS,
    servers: variables.SERVERS,
    accessKeysFile: variables.ACCESS_KEYS_FILE ?? null,
    accessKeyScopes: variables.ACCESS_KEYS_SCOPES,
  };
}

/**
 * The keys, each once. Line ends around a key are none of it, yet earlier versions took them for a part: whatever was given
 * with some is accepted with them too, and so is a retired text with commas that is one key and no list.
 */
function peppersOf(current: string, retired: readonly string[], env: NodeJS.ProcessEnv): [Pepper, ...Pepper[]] {
  const asCurrent = asGiven(env, 'TOKEN_PEPPER') ?? current;
  const asRetired = asGiven(env, 'TOKEN_PEPPERS_RETIRED') ?? '';
  const whole =
    asRetired === '' || asRetired.trimStart().startsWith('[') ? [] : [asRetired, withoutLineEnds(asRetired)];
  const others = [asCurrent, ...retired.flatMap((key) => [key, `${key}\n`]), ...whole];
  const [first, ...rest] = [...new Set([current, ...others])].map(pepperOf);
  return [first as Pepper, ...rest];
}

function pepperOf(key: string): Pepper {
  return { id: createHash('sha256').update(`tokenlog pepper id:${key}`).digest('hex').slice(0, 8), key };
}
