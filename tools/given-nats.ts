import { readFileSync } from 'node:fs';
import { connect, errors, type NatsConnection } from '@nats-io/transport-node';
import { invalidate } from '@tokenlog/contracts/guard/invalidate.js';
import { parseNatsUrl } from '@tokenlog/contracts/nats-url.js';
import { ConfigError, natsVariable, readConfig } from '@tokenlog/platform/config.js';
import { cannotConnect, closeNats, natsOptions } from '@tokenlog/platform/nats.js';
import type { NatsUser } from './embedded-nats.js';

/** A URL for each kind of client: with its own credentials, as deploy/nats-server.conf wants it. */
export const natsVariables = ['NATS_URL', 'NATS_URL_IDENTITY', 'NATS_URL_TOKENS', 'NATS_URL_GUARD'] as const;

/** Those who connect, each with a subject that it must be let listen on. */
const CLIENTS = {
  identity: {
    variable: 'NATS_URL_IDENTITY',
    password: 'NATS_IDENTITY_PASSWORD',
    listens: 'internal.identity.start',
    usesJetStream: true,
  },
  tokens: {
    variable: 'NATS_URL_TOKENS',
    password: 'NATS_TOKENS_PASSWORD',
    listens: 'internal.tokens.start',
    usesJetStream: true,
  },
  guard: {
    variable: 'NATS_URL_GUARD',
    password: 'NATS_GUARD_PASSWORD',
    listens: invalidate.subject,
    usesJetStream: false,
  },
} as const;
type Client = keyof typeof CLIENTS;
const clients = Object.keys(CLIENTS) as Client[];

const ANSWER_MS = 5_000;
/** Of JetStream's API: this account has none. */
const NOT_ENABLED = 10_039;

/**
 * The NATS that the environment names: one URL for all; a URL for each of the three; or one URL without credentials, and a file
 * with the passwords of deploy/nats-server.conf's users.
 * @returns undefined where it names none
 * @throws ConfigError naming the variable that is wrong or missing
 */
export function givenNats(env: NodeJS.ProcessEnv): Record<NatsUser, string> | undefined {
  const own = clients.filter((client) => env[CLIENTS[client].variable]);
  const shape = Object.fromEntries(natsVariables.map((name) => [name, natsVariable.optional()]));
  const { NATS_URL: shared, ...urls } = readConfig(shape, env) as Record<string, string | undefined>;
  if (own.length > 0) {
    const names = (which: readonly Client[]) => which.map((client) => CLIENTS[client].variable).join(', ');
    const missing = clients.filter((client) => !own.includes(client));
    if (missing.length > 0) throw new ConfigError(`${names(missing)} is not set, and ${names(own)} is: set all three`);
    for (const other of ['NATS_URL', 'NATS_PASSWORDS_FILE']) {
      if (env[other]) throw new ConfigError(`${other} and ${names(own)} are both set: leave one out`);
    }
    return forAll((client) => urls[CLIENTS[client].variable] ?? '');
  }
  if (env.NATS_PASSWORDS_FILE) {
    if (!shared) throw new ConfigError('NATS_URL is not set, and NATS_PASSWORDS_FILE is: where is the server?');
    return withPasswords(shared, env.NATS_PASSWORDS_FILE);
  }
  return shared ? forAll(() => shared) : undefined;
}

function withPasswords(shared: string, path: string): Record<NatsUser, string> {
  if (parseNatsUrl(shared).user ?? parseNatsUrl(shared).token) {
    throw new ConfigError('NATS_URL has credentials, and NATS_PASSWORDS_FILE is set: leave one out');
  }
  const passwords = readPasswords(path);
  const missing = clients.map((client) => CLIENTS[client].password).filter((name) => !passwords.get(name));
  if (missing.length > 0) throw new ConfigError(`NATS_PASSWORDS_FILE is wrong: ${path} lacks ${missing.join(', ')}`);
  return forAll((client) => {
    const credentials = `${client}:${encodeURIComponent(passwords.get(CLIENTS[client].password) ?? '')}@`;
    return shared
      .split(',')
      .map((url) => (url.includes('://') ? url.replace('://', `://${credentials}`) : `${credentials}${url}`))
      .join(',');
  });
}

/** `NAME=value` lines, as nats-server's environment and docker compose's `.env` have them. */
function readPasswords(path: string): Map<string, string> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ConfigError(`NATS_PASSWORDS_FILE is wrong: ${path} cannot be read (${code})`);
  }
  const lines = text.matchAll(/^\s*(?:export\s+)?(\w+)\s*=\s*(['"]?)(.*?)\2\s*$/gm);
  return new Map([...lines].map(([, name = '', , value = '']) => [name, value]));
}

function forAll(url: (client: Client) => string): Record<NatsUser, string> {
  // Whoever reads events for himself has credentials of his own; here nobody does.
  return { identity: url('identity'), tokens: url('tokens'), guard: url('guard'), observer: url('guard') };
}

/**
 * Asks a NATS server whether each kind of client can do its work there.
 * @throws Error that says what is missing, and which variable gives it
 */
export async function checkNats(urls: Record<NatsUser, string>): Promise<void> {
  for (const client of clients) await checkClient(client, urls[client], urls.identity === urls.tokens);
}

async function checkClient(client: Client, url: string, isShared: boolean): Promise<void> {
  const { variable, listens, usesJetStream } = CLIENTS[client];
  const name = isShared ? 'NATS_URL' : variable;
  // Not the services' way, which logs what is refused: here it is told once, by who may change it.
  const options = { ...natsOptions(url, client, `${client}-start`), reconnect: false };
  const connection = await connect(options).catch((error: Error) => {
    throw new Error(cannotConnect(url, client, error).replace('NATS_URL', name));
  });
  try {
    const refused = (await isRefused(connection, listens))
      ? 'listen to it'
      : usesJetStream && (await jetStreamOf(connection, name)) === 'refused'
        ? 'use JetStream for it'
        : undefined;
    if (!refused) return;
    const { user = 'without a name' } = parseNatsUrl(url);
    throw new Error(
      `${name}: the NATS user ${user} cannot be used for ${client}: it may not ${refused}. ` +
        `Each has a user of its own in deploy/nats-server.conf: set ${clients.map((each) => CLIENTS[each].variable).join(', ')}, ` +
        'or NATS_PASSWORDS_FILE to the file with their passwords.',
    );
  } finally {
    await closeNats(connection);
  }
}

/** A refusal comes before the answer to what was sent after. */
async function isRefused(connection: NatsConnection, subject: string): Promise<boolean> {
  let refused = false;
  const subscription = connection.subscribe(subject, {
    callback: (error) => {
      if (error instanceof errors.PermissionViolationError) refused = true;
    },
  });
  await connection.flush();
  if (!refused) subscription.unsubscribe();
  return refused;
}

async function jetStreamOf(connection: NatsConnection, variable: string): Promise<'there' | 'refused'> {
  try {
    const answer = await connection.request('$JS.API.INFO', '', { timeout: ANSWER_MS });
    const { error } = answer.json<{ error?: { err_code?: number; description?: string } }>();
    if (!error) return 'there';
    const what = error.err_code === NOT_ENABLED ? 'JetStream is not enabled for this account' : error.description;
    throw new Error(`${variable}: ${what}. Enable it there; events are published through it.`);
  } catch (error) {
    if (causeOf(error, errors.PermissionViolationError)) return 'refused';
    if (!causeOf(error, errors.NoRespondersError)) throw error;
    throw new Error(
      `${variable}: this NATS server has no JetStream, which events are published through. Start it with JetStream ` +
        '(nats-server -js, or deploy/nats-server.conf).',
    );
  }
}

function causeOf(error: unknown, kind: new (...args: never[]) => Error): boolean {
  return error instanceof kind || (error instanceof Error && causeOf(error.cause, kind));
}
