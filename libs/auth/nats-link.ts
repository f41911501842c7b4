import { setTimeout as delay } from 'node:timers/promises';
import { AuthorizationError, type ConnectionOptions, connect, type NatsConnection } from '@nats-io/transport-node';
import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import { parseNatsUrl } from '@tokenlog/contracts/nats-url.js';
import type { ResolvedAuthOptions } from './auth-options.js';
import { AuthStatus } from './auth-status.js';

const RETRY_MS = 500;
/** The start of the application waits this long for a first answer, then goes on without. */
const FIRST_ANSWER_MS = 2_000;

/**
 * The connection that verifications go through. Given a URL it connects, keeps trying, and closes at shutdown: an
 * application starts without NATS and refuses until it is there. Given a connection it uses it and leaves it open.
 */
export class NatsLink implements OnApplicationShutdown {
  private readonly logger = new Logger('AuthModule');
  private readonly ending = new AbortController();
  private current: NatsConnection | undefined;
  private started: Promise<void> | undefined;

  constructor(
    private readonly options: ResolvedAuthOptions,
    private readonly status: AuthStatus = new AuthStatus(),
  ) {}

  /** The connection while it stands; `undefined` while it does not. */
  get connection(): NatsConnection | undefined {
    return this.status.current.status === 'up' && !this.current?.isClosed() ? this.current : undefined;
  }

  /** Resolves at the first answer, or after two seconds: for whoever asks over it, and nobody else. */
  start(): Promise<void> {
    this.started ??= this.begin();
    return this.started;
  }

  private async begin(): Promise<void> {
    const { nats } = this.options;
    if (typeof nats !== 'string') {
      this.use(nats, false);
      return;
    }
    const first = new Promise<void>((answered) => {
      void this.keepConnected(connectionOptions(nats, this.options), answered);
    });
    await Promise.race([first, delay(FIRST_ANSWER_MS, undefined, { ref: false })]);
  }

  async onApplicationShutdown(): Promise<void> {
    this.ending.abort();
    this.status.set({ status: 'down', reason: 'closed', detail: 'the application ends' });
    this.status.end();
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
        this.isDown('unreachable', 'the connection to NATS was closed');
      } catch (error) {
        const failure = (error as Error).message;
        if (isRefusal(error)) this.isDown('login-refused', `NATS refused the login: ${failure}`);
        else this.isDown('unreachable', failure);
        if (failure !== lastFailure) this.tellFailure(options, error);
        lastFailure = failure;
        answered();
      }
      await delay(RETRY_MS, undefined, { ref: false, signal: this.ending.signal }).catch(() => {});
    }
  }

  /** Waiting cures an outage, and not a wrong password. */
  private tellFailure({ servers, user }: ConnectionOptions, error: unknown): void {
    const failure = `cannot reach NATS at ${servers}: ${(error as Error).message}`;
    if (isRefusal(error)) {
      this.logger.error(
        `${failure}; NATS is there, and user or password are wrong ("${user ?? ''}"): requests get 503`,
      );
    } else this.logger.warn(`${failure}; requests get 503 until it is there`);
  }

  private isDown(reason: 'unreachable' | 'login-refused', detail: string): void {
    if (!this.ending.signal.aborted) this.status.set({ status: 'down', reason, detail });
  }

  private use(connection: NatsConnection, isOurs: boolean): void {
    this.current = connection;
    this.status.set(
      connection.isClosed()
        ? { status: 'down', reason: 'closed', detail: 'the connection to NATS was closed' }
        : { status: 'up' },
    );
    void this.watch(connection, isOurs);
  }

  private async watch(connection: NatsConnection, isOurs: boolean): Promise<void> {
    for await (const status of connection.status()) {
      if (this.ending.signal.aborted) return;
      if (status.type === 'disconnect') this.isDown('unreachable', 'the connection to NATS was lost');
      else if (status.type === 'reconnect') this.status.set({ status: 'up' });
      else if (status.type === 'error' && isOurs) this.logger.error(`NATS refused: ${status.error.message}`);
      if (isOurs && (status.type === 'disconnect' || status.type === 'reconnect'))
        this.logger.warn(`NATS ${status.type}`);
    }
    if (!isOurs) this.isDown('unreachable', 'the connection to NATS was closed');
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof AuthorizationError || (error as Error).cause instanceof AuthorizationError;
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
