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
/** What is more is forgotten with everything else: names would outgrow a message, which is 1 MiB at most. */
const MOST_NAMES = 10_000;

/** What guards are to forget. */
export type Forgotten = Partial<Omit<Invalidate, 'id'>>;

/** An invalidation that waits for acknowledgements. */
interface Waiting {
  /** Who has acknowledged, until it is known whom to wait for: the broadcast does not wait for the leases to be read. */
  readonly acknowledged: Set<string>;
  /** Who has not. */
  guards: Set<string> | undefined;
  wake: () => void;
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
    const message = invalidationOf(what);
    const waiting: Waiting = { acknowledged: new Set(), guards: undefined, wake: () => undefined };
    this.waiting.set(message.id, waiting);
    try {
      this.tell(message);
      const live = await liveLeases(this.pool);
      const guards = new Set(live.filter((guard) => !waiting.acknowledged.has(guard)));
      waiting.guards = guards;
      const started = performance.now();
      let fenced = false;
      while (guards.size > 0) {
        await untilAcknowledged(waiting);
        if (guards.size === 0) return;
        if (!fenced && performance.now() - started > LEASE_MS) {
          fenced = true;
          this.logger.warn(`guards ${[...guards].join(', ')} do not acknowledge; their leases are not renewed`);
          await fence(this.pool, [...guards]);
        }
        const stillLive = new Set(await liveLeases(this.pool, [...guards]));
        for (const guard of guards) if (!stillLive.has(guard)) guards.delete(guard);
        if (guards.size > 0) this.tell(message);
      }
    } finally {
      this.waiting.delete(message.id);
    }
  }

  private tell(message: Invalidate): void {
    // A service that is cut off waits for the leases to run out instead.
    if (!this.nats.isClosed()) this.nats.publish(invalidate.subject, JSON.stringify(message));
  }

  private onAcknowledged(invalidation: string, guard: string): void {
    const waiting = this.waiting.get(invalidation);
    if (!waiting) return;
    if (waiting.guards === undefined) waiting.acknowledged.add(guard);
    else if (waiting.guards.delete(guard) && waiting.guards.size === 0) waiting.wake();
  }
}

function invalidationOf({ all = false, tokens = [], sessions = [], users = [] }: Forgotten): Invalidate {
  const id = randomUUID();
  const isTooLong = tokens.length + sessions.length + users.length > MOST_NAMES;
  return all || isTooLong
    ? { id, all: true, tokens: [], sessions: [], users: [] }
    : { id, all, tokens, sessions, users };
}

/** Resolves when all have acknowledged, or it is time to tell them again. */
function untilAcknowledged(waiting: Waiting): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, REPEAT_MS);
    waiting.wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

/** What guards are to forget when these streams were appended to. Whatever a command found done already counts too. */
export function forgottenWith(touched: Touched): Forgotten {
  const idsOf = (prefix: string) => touched.filter(({ stream }) => stream.startsWith(prefix)).map(({ id }) => id);
  return { tokens: idsOf('token-'), sessions: idsOf('session-') };
}
