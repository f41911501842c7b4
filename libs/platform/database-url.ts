import { userInfo } from 'node:os';
import type { ClientConfig } from 'pg';
import { ConfigError } from './config-error.js';
import { type SessionSettings, sessionOptions } from './database-session.js';
import { TLS_PARAMETERS, tlsOf } from './database-tls.js';

/** What connects to PostgreSQL: all that `pg` needs, and nothing that it would take from elsewhere. */
export type DatabaseConnection = ClientConfig &
  Required<Pick<ClientConfig, 'host' | 'port' | 'user' | 'database' | 'ssl' | 'options'>>;

/** Parameters that are done as libpq does them. */
const DONE = new Set<string>([
  ...TLS_PARAMETERS,
  'host',
  'port',
  'user',
  'password',
  'dbname',
  'options',
  'connect_timeout',
  'keepalives',
  'keepalives_idle',
]);

/** Parameters with the values that ask for nothing which is not so anyway. */
const ALREADY_SO: Record<string, readonly string[]> = {
  client_encoding: ['utf8', 'utf-8', 'unicode', 'auto'],
  gssencmode: ['disable', 'prefer'],
  channel_binding: ['disable', 'prefer'],
  target_session_attrs: ['any'],
  load_balance_hosts: ['disable'],
  sslnegotiation: ['postgres'],
  sslcompression: ['0'],
  sslsni: ['1'],
  uselibpqcompat: ['true'],
};

const DEFAULT_PORT = 5432;

/**
 * Reads a `postgres://` URL: each parameter is done as libpq does it, or refused by its name.
 * @param settings the session's, on top of those that every connection of Tokenlog has
 * @throws ConfigError naming `DATABASE_URL` and what of it cannot be done; nothing secret stands in it
 */
export function databaseConnection(url: string, settings: SessionSettings = {}): DatabaseConnection {
  try {
    return readDatabaseUrl(url, settings);
  } catch (error) {
    throw new ConfigError(`DATABASE_URL is wrong: ${(error as Error).message}`);
  }
}

/**
 * The same, for whoever names the variable himself.
 * @throws Error that says what of the URL cannot be done
 */
export function readDatabaseUrl(text: string, settings: SessionSettings = {}): DatabaseConnection {
  const url = parse(text);
  const parameters = new Map(url.searchParams);
  for (const [name, value] of parameters) {
    if (DONE.has(name) || ALREADY_SO[name]?.includes(value.toLowerCase())) continue;
    // Of these only are the values known to be no secrets.
    const what = ALREADY_SO[name] ? `${name}=${value}` : name;
    const instead = ALREADY_SO[name] ? ` (what can be had is ${ALREADY_SO[name].join(', ')})` : '';
    throw new Error(`${what} is asked for, and cannot be done: leave it out${instead}`);
  }
  const host = parameters.get('host') ?? (decoded('host', url.hostname).replace(/^\[(.*)\]$/, '$1') || 'localhost');
  if (host.includes(',')) throw severalHosts();
  const user = parameters.get('user') ?? (decoded('user', url.username) || process.env.PGUSER || userInfo().username);
  const password = parameters.get('password') ?? decoded('password', url.password);
  const seconds = wholeNumber(parameters, 'connect_timeout');
  const idle = wholeNumber(parameters, 'keepalives_idle');
  const keepsAlive = wholeNumber(parameters, 'keepalives');
  return {
    host,
    port: portOf(parameters.get('port') ?? url.port),
    user,
    ...(password && { password }),
    database: parameters.get('dbname') ?? (decoded('database', url.pathname.slice(1)) || user),
    ssl: tlsOf(parameters, host) as DatabaseConnection['ssl'],
    options: sessionOptions(parameters.get('options'), settings),
    // None, in libpq, is a wait without end.
    ...(seconds && { connectionTimeoutMillis: seconds * 1000 }),
    ...(keepsAlive !== undefined && { keepAlive: keepsAlive !== 0 }),
    ...(idle && { keepAliveInitialDelayMillis: idle * 1000 }),
  };
}

function parse(text: string): URL {
  if (!/^postgres(ql)?:\/\//.test(text)) throw new Error('must begin with postgres:// or postgresql://');
  const authority = /^\w+:\/\/([^/?#]*)/.exec(text)?.[1] ?? '';
  if (authority.slice(authority.lastIndexOf('@') + 1).includes(',')) throw severalHosts();
  if (text.includes('#')) throw new Error('it has a #, which is written %23 in a URL');
  try {
    // Credentials without a host are known to libpq, and to no URL.
    return new URL(text.replace(/^(\w+:\/\/[^/?#]*@)(?=[/?]|$)/, '$1localhost'));
  } catch {
    throw new Error('it is no URL: in a password, write / as %2F, ? as %3F, @ as %40, : as %3A and % as %25');
  }
}

function severalHosts(): Error {
  return new Error(
    'it names several hosts: name one, or a proxy or an address that leads to the one that can be written to',
  );
}

function decoded(what: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Error(`its ${what} has a % that is written %25 in a URL`);
  }
}

function portOf(text: string): number {
  const port = text === '' ? DEFAULT_PORT : Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error('its port is none (1 to 65535)');
  return port;
}

function wholeNumber(parameters: ReadonlyMap<string, string>, name: string): number | undefined {
  const text = parameters.get(name);
  if (text === undefined) return undefined;
  if (!/^\d{1,6}$/.test(text)) throw new Error(`${name} is a whole number`);
  return Number(text);
}
