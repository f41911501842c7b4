import { setTimeout as delay } from 'node:timers/promises';
import { type ConnectionOptions, connect, errors, type NatsConnection } from '@nats-io/transport-node';
import { Logger } from '@nestjs/common';
import { parseNatsUrl } from '@tokenlog/contracts/nats-url.js';
import { inTime } from './in-time.js';

/** The users of `deploy/nats-server.conf`: each kind of client has its own, with its own permissions. */
export type NatsUser = 'identity' | 'tokens' | 'guard' | 'observer';

const CONNECT_MS = 5_000;
const PING_MS = 5_000;

/** Injection token of the service's connection. */
export const NATS = Symbol('NATS');

/**
 * Connection options for a kind of client. Servers, credentials and TLS stand in the URL (`parseNatsUrl`); inboxes are the user's own, which is all that
 * its permissions let it subscribe to.
 */
export function natsOptions(url: string, user: NatsUser, name: string): ConnectionOptions {
  return {
    ...parseNatsUrl(url),
    name,
    inboxPrefix: `_INBOX_${user}`,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    // A password that is refused may be on its way: while it is changed, on one side or the other, nothing closes for good.
    ignoreAuthErrorAbort: true,
    timeout: CONNECT_MS,
    // A server that lives and does not answer is left after three of these.
    pingInterval: PING_MS,
    // Each request would make an error with its stack, to be ready for one.
    noAsyncTraces: true,
  };
}

/**
 * Connects and keeps reconnecting, whatever it was that ended the connection; refusals are logged by name, each once.
 * @throws Error with one clear line when the first connection fails
 */
export async function connectNats(url: string, user: NatsUser, name: string): Promise<NatsConnection> {
  try {
    const connection = await connect(natsOptions(url, user, name));
    void watch(connection);
    return connection;
  } catch (error) {
    throw new Error(cannotConnect(url, user, error as Error));
  }
}

/** What is said of a first connection that fails: where to, as whom, why. */
export function cannotConnect(url: string, user: string, { message }: Error): string {
  return `NATS_URL: cannot connect to NATS at ${parseNatsUrl(url).servers.join(', ')} as ${user}: ${message}`;
}

/** How long what is on its way may take at the end. */
const DRAIN_MS = 1000;

/** Closes a connection, after what is on its way if the server is there to take it. */
export async function closeNats(connection: NatsConnection): Promise<void> {
  // Draining waits for a server that may be away.
  await Promise.race([connection.drain().catch(() => undefined), delay(DRAIN_MS, undefined, { ref: false })]);
  await connection.close();
}

const away = new WeakSet<NatsConnection>();

/** Whether a connection of `connectNats` has no server at the moment: what is published meanwhile is sent when it has. */
export function isAway(connection: NatsConnection): boolean {
  return connection.isClosed() || away.has(connection);
}

/**
 * Resolves when the server has answered on this connection.
 * @throws Error when it has not in time, or is not there
 */
export async function askNats(connection: NatsConnection, withinMs: number): Promise<void> {
  // A server that stands still keeps the connection, and says nothing.
  await inTime(connection.rtt(), withinMs, () => new errors.TimeoutError());
}

async function watch(connection: NatsConnection): Promise<void> {
  const logger = new Logger('Nats');
  let refused = '';
  let wasAway = false;
  for await (const status of connection.status()) {
    if (status.type === 'error') {
      // Twice a second, for as long as a password is wrong.
      if (status.error.message === refused) continue;
      refused = status.error.message;
      logger.error(`NATS refused: ${refused}. Check this user's password and permissions in nats-server.conf.`);
    } else if (status.type === 'disconnect' || status.type === 'reconnect') {
      const isAway = status.type === 'disconnect';
      if (isAway) away.add(connection);
      else away.delete(connection);
      if (!isAway) refused = '';
      // A refused password ends one connection after the other; and each is told of by a reconnect of its own.
      if (isAway !== wasAway) logger.warn(`NATS ${status.type}: ${status.server}`);
      wasAway = isAway;
    }
  }
}
