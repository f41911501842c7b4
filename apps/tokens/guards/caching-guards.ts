import { randomUUID } from 'node:crypto';
import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { acknowledged } from '@tokenlog/contracts/guard/acknowledged.js';
import { guardNameIn, subjectsOfGuards } from '@tokenlog/contracts/guard/guard-name.js';
import { LEASE_MS } from '@tokenlog/contracts/guard/heartbeat.js';
import { type Invalidate, invalidate } from '@tokenlog/contracts/guard/invalidate.js';
import { parseMessage } from '@tokenlog/contracts/parse-message.js';
import type { Touched } from '@tokenlog/event-store/event-store.js';
import { POOL } from '@tokenlog/platform/database.module.js';
import { NATS } from '@tokenlog/platform/nats.js';
import type { Pool } from 'pg';
import { forgetOldAnswers } from './guard-answers.js';
import { fence, forgetDeadGuards, keyOf, type LeaseHolder, liveLeases } from './guard-leases.js';
import { GuardProofs } from './guard-proofs.js';
import { forgetStandings } from './guard-standing.js';

/** How often an invalidation is told again to those that have not acknowledged it: a message may be lost. */
const REPEAT_MS = 100;
/** What is more is forgotten with everything else: names would outgrow a message, which is 1 MiB at most. */
const MOST_NAMES = 10_000;

/** How often the table of leases is rid of guards that are gone. */
const CLEAN_EVERY_MS = 60_000;

/** What guards are to forget. */
export type Forgotten = Partial<Omit<Invalidate, 'id'>>;

/** An invalidation that waits for acknowledgements. */
interface Waiting {
  /**
   * Who has acknowledged, by `keyOf`, until it is known whom to wait for: the broadcast does not wait for the leases to be
   * read.
   */
  readonly acknowledged: Set<string>;
  /** Who has not, by `keyOf`. */
  guards: Map<string, LeaseHolder> | undefined;
  wake: () => void;
}

/** Tells caching guards what to forget, and waits until none of them can still answer by it. */
@Injectable()
export class CachingGuards implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(CachingGuards.name);
  private readonly waiting = new Map<string, Waiting>();
  private readonly proofs = new GuardProofs((id) => this.tell({ id, all: false, tokens: [], sessions: [], users: [] }));
  private cleaning: NodeJS.Timeout | undefined;

  constructor(
    @Inject(POOL) private readonly pool: Pool,
    @Inject(NATS) private readonly nats: NatsConnection,
  ) {
    for (const subject of [acknowledged.subject, subjectsOfGuards(acknowledged.subject)]) {
      this.nats.subscribe(subject, {
        callback: (error, message) => {
          const parsed = error ? undefined : parseMessage(acknowledged.schema, message);
          // A guard speaks for itself alone: its name is its subject's, and not what the message says.
          if (parsed)
            this.onAcknowledged(parsed.invalidation, { guard: parsed.guard, name: guardNameIn(message.subject) });
        },
      });
    }
  }

  /**
   * What another process had committed when it was killed may not have been told to anybody; and the policy may be another
   * one now.
   */
  async onApplicationBootstrap(): Promise<void> {
    await this.forget({ all: true });
    this.cleaning = setInterval(() => void this.clean(), CLEAN_EVERY_MS).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.cleaning);
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
      const guards = new Map(live.map((holder) => [keyOf(holder), holder] as const));
      for (const key of waiting.acknowledged) guards.delete(key);
      waiting.guards = guards;
      const started = performance.now();
      let toldAt: number | null = null;
      this.nats.flush().then(
        () => {
          toldAt = performance.now();
        },
        // Cut off from NATS: that nobody acknowledges is nobody's fault.
        () => undefined,
      );
      let fenced = false;
      while (guards.size > 0) {
        await untilAcknowledged(waiting);
        if (guards.size === 0) return;
        if (!fenced && performance.now() - started > LEASE_MS) {
          fenced = true;
          const silent = [...guards.values()].map(({ guard, name }) => (name === null ? guard : `${name} (${guard})`));
          this.logger.warn(`guards ${silent.join(', ')} do not acknowledge; their leases are not renewed`);
          await fence(this.pool, idsOf(guards), toldAt === null ? null : performance.now() - toldAt);
        }
        const stillLive = new Set((await liveLeases(this.pool, idsOf(guards))).map(keyOf));
        for (const key of guards.keys()) if (!stillLive.has(key)) guards.delete(key);
        if (guards.size > 0) this.tell(message);
      }
    } finally {
      this.waiting.delete(message.id);
    }
  }

  /** Whether this guard acknowledges what it is told, in 0.6 s at most. */
  acknowledges(holder: LeaseHolder): Promise<boolean> {
    return this.proofs.acknowledges(holder);
  }

  private tell(message: Invalidate): void {
    // A service that is cut off waits for the leases to run out instead.
    if (!this.nats.isClosed()) this.nats.publish(invalidate.subject, JSON.stringify(message));
  }

  private onAcknowledged(invalidation: string, holder: LeaseHolder): void {
    this.proofs.heard(invalidation, holder);
    const waiting = this.waiting.get(invalidation);
    if (!waiting) return;
    const key = keyOf(holder);
    if (waiting.guards === undefined) waiting.acknowledged.add(key);
    else if (waiting.guards.delete(key) && waiting.guards.size === 0) waiting.wake();
  }

  /** What is left behind is left a minute longer when the database is away. */
  private async clean(): Promise<void> {
    try {
      await forgetDeadGuards(this.pool);
      await forgetStandings(this.pool);
      await forgetOldAnswers(this.pool);
    } catch (error) {
      this.logger.warn(`guards that are gone are not forgotten yet: ${(error as Error).message}`);
    }
  }
}

function idsOf(guards: ReadonlyMap<string, LeaseHolder>): string[] {
  return [...guards.values()].map(({ guard }) => guard);
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
