import { randomUUID } from 'node:crypto';
import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { acknowledged } from '@tokenlog/contracts/guard/acknowledged.js';
import { LEASE_MS } from '@tokenlog/contracts/guard/heartbeat.js';
import { type Invalidate, invalidate } from '@tokenlog/contracts/guard/invalidate.js';
import { parseMessage } from '@tokenlog/contracts/parse-message.js';
import type { Touched } from '@tokenlog/event-store/event-store.js';
import { POOL } from '@tokenlog/platform/database.module.js';
import { NATS } from '@tokenlog/platform/nats.js';
import type { Pool } from 'pg';
import { fence, liveLeases } from './guard-leases.js';

/** How often an invalidation is told again to those that have not acknowledged it: a message may be lost. */
const REPEAT_MS = 100;

/** What guards are to forget. */
export type Forgotten = Partial<Omit<Invalidate, 'id'>>;

/** An invalidation that waits for acknowledgements. */
interface Waiting {
  readonly guards: Set<string>;
  readonly wake: () => void;
}

/** Tells caching guards what to forget, and waits until none of them can still answer by it. */
@Injectable()
export class CachingGuards implements OnApplicationBootstrap {
  private readonly logger = new Logger(CachingGuards.name);
  private readonly waiting = new Map<string, Waiting>();

  constructor(
    @Inject(POOL) private readonly pool: Pool,
    @Inject(NATS) private readonly nats: NatsConnection,
  ) {
    this.nats.subscribe(acknowledged.subject, {
      callback: (error, message) => {
        const parsed = error ? undefined : parseMessage(acknowledged.schema, message);
        if (parsed) this.onAcknowledged(parsed.invalidation, parsed.guard);
      },
    });
  }

  /**
   * What another process had committed when it was killed may not have been told to anybody; and the policy may be another
   * one now.
   */
  async onApplicationBootstrap(): Promise<void> {
    await this.forget({ all: true });
  }

  /**
   * Called after a commit. Resolves when every guard that had a live lease after it has acknowledged, or its lease has run
   * out: from then on no verification that starts anywhere is answered by what was before. At most two leases.
   */
  async forget(what: Forgotten): Promise<void> {
    const guards = new Set(await liveLeases(this.pool));
    if (guards.size === 0) return;
    const message: Invalidate = { id: randomUUID(), all: false, tokens: [], sessions: [], users: [], ...what };
    const started = performance.now();
    let fenced = false;
    try {
      while (guards.size > 0) {
        await this.tell(message, guards);
        if (guards.size === 0) return;
        if (!fenced && performance.now() - started > LEASE_MS) {
          fenced = true;
          this.logger.warn(`guards ${[...guards].join(', ')} do not acknowledge; their leases are not renewed`);
          await fence(this.pool, [...guards]);
        }
        const live = new Set(await liveLeases(this.pool, [...guards]));
        for (const guard of guards) if (!live.has(guard)) guards.delete(guard);
      }
    } finally {
      this.waiting.delete(message.id);
    }
  }

  /** Tells it once, and waits until all have acknowledged or it is time to tell it again. */
  private tell(message: Invalidate, guards: Set<string>): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, REPEAT_MS);
      const wake = () => {
        clearTimeout(timer);
        resolve();
      };
      this.waiting.set(message.id, { guards, wake });
      // A service that is cut off waits for the leases to run out instead.
      if (!this.nats.isClosed()) this.nats.publish(invalidate.subject, JSON.stringify(message));
    });
  }

  private onAcknowledged(invalidation: string, guard: string): void {
    const waiting = this.waiting.get(invalidation);
    waiting?.guards.delete(guard);
    if (waiting?.guards.size === 0) waiting.wake();
  }
}

/** What guards are to forget when these streams were appended to. Whatever a command found done already counts too. */
export function forgottenWith(touched: Touched): Forgotten {
  const idsOf = (prefix: string) => touched.filter(({ stream }) => stream.startsWith(prefix)).map(({ id }) => id);
  return { tokens: idsOf('token-'), sessions: idsOf('session-') };
}
