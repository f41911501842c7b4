import { setTimeout as delay } from 'node:timers/promises';
import { type ConnectionOptions, connect, type NatsConnection } from '@nats-io/transport-node';
import { Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { parseNatsUrl } from '@tokenlog/contracts/nats-url.js';
import type { ResolvedAuthOptions } from './auth-options.js';

const RETRY_MS = 500;
/** The start of the application waits this long for a first answer, then goes on without. */
const FIRST_ANSWER_MS = 2_000;

/**
 * The connection that verifications go through. Given a URL it connects, keeps trying, and closes at shutdown: an
 * application starts without NATS and refuses until it is there. Given a connection it uses it and leaves it open.
 */
export class NatsLink implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger('AuthModule');
  private readonly ending = new AbortController();
  private current: NatsConnection | undefined;
  private up = false;

  constructor(private readonly options: ResolvedAuthOptions) {}

  /** The connection while it stands; `undefined` while it does not. */
  get connection(): NatsConnection | undefined {
    return this.up && !this.current?.isClosed() ? this.current : undefined;
  }

  async onModuleInit(): Promise<void> {
    const { nats } = this.options;
    if (typeof nats !== 'string') {
      this.use(nats, false);
      return;
    }
    const first = Promise.withResolvers<void>();
    void this.keepConnected(connectionOptions(nats, this.options), first.resolve);
    await Promise.race([first.promise, delay(FIRST_ANSWER_MS, undefined, { ref: false })]);
  }

  async onApplicationShutdown(): Promise<void> {
    this.ending.abort();
    this.up = false;
    if (typeof this.options.nats === 'string') await this.current?.close();
  }

  private async keepConnected(options: ConnectionOptions, answered: () => void): Promise<void> {
    let lastFailure = '';
    while (!this.ending.signal.aborted) {
      try {
        const connection = await connect(options);
        if (this.ending.signal.aborted) await connection.close();
        else this.use(connection, true);
        answered();
        lastFailure = '';
        await connection.closed();
        this.up = false;
      } catch (error) {
        answered();
        const failure = (error as Error).message;
        if (failure !== lastFailure) {
          this.logger.warn(`cannot reach NATS at ${options.servers}: ${failure}; requests get 503 until it is there`);
        }
        lastFailure = failure;
      }
      await delay(RETRY_MS, undefined, { ref: false, signal: this.ending.signal }).catch(() => {});
    }
  }

  private use(connection: NatsConnection, isOurs: boolean): void {
    this.current = connection;
    this.up = true;
    void this.watch(connection, isOurs);
  }

  private async watch(connection: NatsConnection, isOurs: boolean): Promise<void> {
    for await (const status of connection.status()) {
      if (this.ending.signal.aborted) return;
      if (status.type === 'disconnect') this.up = false;
      else if (status.type === 'reconnect') this.up = true;
      else if (status.type === 'error' && isOurs) this.logger.error(`NATS refused: ${status.error.message}`);
      if (isOurs && (status.type === 'disconnect' || status.type === 'reconnect'))
        this.logger.warn(`NATS ${status.type}`);
    }
  }
}

function connectionOptions(urls: string, { service, natsUser }: ResolvedAuthOptions): ConnectionOptions {
  return {
    ...parseNatsUrl(urls),
    name: `${service} (guard)`,
    inboxPrefix: `_INBOX_${natsUser}`,
    timeout: FIRST_ANSWER_MS,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    // Each request would make an error with its stack, to be ready for one.
    noAsyncTraces: true,
  };
}
