import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { NatsConnection, Subscription } from '@nats-io/transport-node';
import { Logger } from '@nestjs/common';
import { acknowledged } from '@tokenlog/contracts/guard/acknowledged.js';
import { subjectOfGuard } from '@tokenlog/contracts/guard/guard-name.js';
import { heartbeat, LEASE_MS } from '@tokenlog/contracts/guard/heartbeat.js';
import { type Invalidate, invalidate } from '@tokenlog/contracts/guard/invalidate.js';
import { parseMessage } from '@tokenlog/contracts/parse-message.js';
import type { ActiveReply } from '@tokenlog/contracts/tokens/verify.js';
import { type GuardIdentity, UseReports } from './use-reports.js';
import { concerns, type Entry, replyOf, VerificationCache } from './verification-cache.js';

const HEARTBEAT_EVERY_MS = 500;
const HEARTBEAT_TIMEOUT_MS = 1000;
/** Invalidations that are remembered for replies under way; a reply that is older than all of them is not installed. */
const REMEMBERED = 1000;
const VERSION = '0.1.0';
/** Whatever happens, an answer is asked for again after this long: what a service that was killed had not told yet. */
const MAX_AGE_MS = 60_000;
/** Of an answer's life: clocks are taken to be of the same rate within a hundredth. */
const CLOCK_RATES = 0.99;

/** What was true when a verification was sent; see `install`. */
export interface Ticket {
  readonly epoch: number;
  readonly invalidations: number;
  readonly sentAt: number;
}

/**
 * What a caching guard remembers, and the promise that it keeps: an entry is used only under a live lease, and a command that
 * ends it does not answer before this guard has acknowledged its invalidation or its lease has run out. `docs/revocation.md`
 * has the argument; its steps have the names that stand here.
 */
export class GuardMemory {
  private readonly logger = new Logger('AuthModule');
  private readonly cache: VerificationCache;
  private readonly reports: UseReports;
  private readonly ending = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private guard = randomUUID();
  /** On the monotonic clock; it goes on while this process is stopped. */
  private leaseEndsAt = Number.NEGATIVE_INFINITY;
  private epoch = 0;
  private invalidations = 0;
  private remembered: Invalidate[] = [];
  private hits = 0;
  private misses = 0;
  private listeningOn: NatsConnection | undefined;
  private subscription: Subscription | undefined;
  private lastRefusal = '';

  constructor(
    private readonly as: GuardIdentity,
    maxEntries: number,
    private readonly connection: () => NatsConnection | undefined,
  ) {
    this.cache = new VerificationCache(maxEntries);
    this.reports = new UseReports(as, connection);
  }

  start(): void {
    this.reports.start();
    this.running = this.run();
  }

  /** Gives the lease back, so that no revocation waits for it, and reports the last uses. */
  async stop(): Promise<void> {
    this.ending.abort();
    await this.running;
    this.lapse();
    await this.beat(true);
    await this.reports.stop();
    this.subscription?.unsubscribe();
  }

  /** Whether answers may come from memory now. */
  get isLive(): boolean {
    return performance.now() < this.leaseEndsAt;
  }

  /**
   * The answer that is held for a credential, counted as a use; `undefined`: ask. What the lease, the entry's end, the
   * presented name, the scopes or the roles leave open is asked too.
   */
  answer(
    text: string,
    scopes: readonly string[] | undefined,
    username: string | undefined,
    ip: string | undefined,
    roles?: readonly string[],
  ) {
    const now = performance.now();
    const entry = now < this.leaseEndsAt ? this.cache.find(text, now) : undefined;
    if (entry === undefined || !covers(entry, scopes) || !isNamed(entry, username) || !hasRole(entry, roles)) {
      return undefined;
    }
    this.hits++;
    const { tokenId, session } = entry;
    if (session === null && tokenId !== null) {
      entry.uses = this.reports.count(tokenId, entry.uses, ip, Math.floor(now));
    }
    return replyOf(entry);
  }

  /** What was answered from memory, how many answers are held, and whether they may be used. */
  get figures() {
    return { hits: this.hits, entries: this.cache.size, leased: this.isLive };
  }

  /** To be taken before a verification is sent, which is a miss. */
  ticket(): Ticket {
    this.misses++;
    return { epoch: this.epoch, invalidations: this.invalidations, sentAt: performance.now() };
  }

  /**
   * Holds an answer, unless it may be stale: the lease was interrupted, or an invalidation of what it is about went by,
   * while it was under way. Its end is reckoned from when the question was sent: early rather than late.
   */
  install(ticket: Ticket, text: string, scopes: readonly string[] | undefined, reply: ActiveReply): void {
    const checkedAt = Date.parse(reply.checkedAt);
    this.reports.clock = checkedAt - (ticket.sentAt + performance.now()) / 2;
    if (!this.isLive || ticket.epoch !== this.epoch) return;
    const since = this.invalidations - ticket.invalidations;
    if (since > this.remembered.length) return;
    if (this.remembered.slice(this.remembered.length - since).some((each) => concerns(each, reply))) return;
    const ends = reply.validUntil === null ? MAX_AGE_MS : Date.parse(reply.validUntil) - checkedAt;
    this.cache.install(text, reply, ticket.sentAt + Math.min(ends, MAX_AGE_MS) * CLOCK_RATES, scopes);
  }

  private async run(): Promise<void> {
    while (!this.ending.signal.aborted) {
      await this.beat(false);
      await delay(HEARTBEAT_EVERY_MS, undefined, { ref: false, signal: this.ending.signal }).catch(() => undefined);
    }
  }

  private async beat(leaving: boolean): Promise<void> {
    const nats = this.connection();
    if (!nats) return this.lapse();
    try {
      await this.listen(nats);
      const { guard, cache, hits, misses } = this;
      const { service, name } = this.as;
      const request = { guard, service, version: VERSION, entries: cache.size, hits, misses, leaving };
      const sentAt = performance.now();
      const subject = subjectOfGuard(heartbeat.subject, name);
      const reply = await nats.request(subject, JSON.stringify(request), { timeout: HEARTBEAT_TIMEOUT_MS });
      if (leaving) return;
      const { granted, refused } = heartbeat.reply.parse(reply.json());
      this.tellOfRefusal(granted ? '' : (refused ?? 'fenced'));
      this.renew(sentAt, granted);
    } catch (error) {
      // Without an answer the lease just runs out, and the guard asks.
      this.logger.debug(`no lease: ${(error as Error).message}`);
    }
  }

  /** Measured from when the heartbeat was sent. A lease that had run out by now was interrupted: nothing held is safe. */
  private renew(sentAt: number, granted: boolean): void {
    if (!granted) {
      this.lapse();
      this.guard = randomUUID();
      return;
    }
    if (!this.isLive) this.lapse();
    this.leaseEndsAt = Math.max(this.leaseEndsAt, sentAt + LEASE_MS);
  }

  /** Once, until it is another one: without a lease everything still works, but is asked. */
  private tellOfRefusal(refused: string): void {
    if (refused !== '' && refused !== this.lastRefusal) {
      this.logger.warn(`The token service gives no lease (${refused}): nothing is answered from memory until it does.`);
    }
    this.lastRefusal = refused;
  }

  private lapse(): void {
    this.leaseEndsAt = Number.NEGATIVE_INFINITY;
    this.epoch++;
    this.cache.clear();
  }

  /** Hears of invalidations before it asks for a lease: the server reads both in this order. */
  private async listen(nats: NatsConnection): Promise<void> {
    if (this.listeningOn === nats) return;
    this.lapse();
    this.subscription = nats.subscribe(invalidate.subject, {
      callback: (error, message) => {
        const parsed = error ? undefined : parseMessage(invalidate.schema, message);
        if (parsed) this.onInvalidate(nats, parsed);
      },
    });
    await nats.flush();
    this.listeningOn = nats;
  }

  private onInvalidate(nats: NatsConnection, message: Invalidate): void {
    this.cache.evict(message);
    this.invalidations++;
    this.remembered.push(message);
    if (this.remembered.length > REMEMBERED) this.remembered.shift();
    nats.publish(
      subjectOfGuard(acknowledged.subject, this.as.name),
      JSON.stringify({ invalidation: message.id, guard: this.guard }),
    );
  }
}

/** Any one scope is enough (S25). What a session with every scope may do is the token service's to say, once for each. */
function covers({ terms, session }: Entry, scopes: readonly string[] | undefined): boolean {
  if (scopes === undefined) return true;
  if (session?.granted) return session.granted.has(scopes.join(','));
  for (const scope of scopes) if (terms.scopes.includes(scope)) return true;
  return false;
}

/** A use is counted once all is in order: what a role is missing for is the token service's to refuse (S34). */
function hasRole({ terms }: Entry, roles: readonly string[] | undefined): boolean {
  return roles === undefined || roles.some((role) => terms.user.roles.includes(role));
}

function isNamed({ terms }: Entry, username: string | undefined): boolean {
  return username === undefined || username === terms.user.username;
}
