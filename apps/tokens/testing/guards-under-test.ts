import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { invalidate } from '@tokenlog/contracts/guard/invalidate.js';
import { resolveAuthOptions } from '../../../libs/auth/auth-options.js';
import { NatsLink } from '../../../libs/auth/nats-link.js';
import { TokenVerifier } from '../../../libs/auth/token-verifier.js';
import { eventually } from '../../../test/support/eventually.js';
import { CachingGuards } from '../guards/caching-guards.js';
import { CreateToken } from '../verbs/create-token.js';
import { RevokeToken } from '../verbs/revoke-token.js';
import { startTokenService, type TestTokenService, type TestUser } from './token-service.js';

/** Far more often than guards are started; all that is tried shares a processor. */
const FLOOD_EVERY_MS = 20;

/** A guard's name; `null`: of those that share a user. */
export type Name = 'one' | 'two' | null;

/** A part of a name's subjects. */
export const subject = (name: Name, what: string) => ['tokens.guard', ...(name ? [name] : []), what].join('.');

/** A token service, and guards of each name at it: real ones and such as only write what a guard writes. */
export class GuardsUnderTest {
  private readonly closing: (() => Promise<unknown>)[] = [];

  private constructor(
    readonly service: TestTokenService,
    readonly ada: TestUser,
  ) {}

  static async start(): Promise<GuardsUnderTest> {
    const service = await startTokenService();
    return new GuardsUnderTest(service, await service.register('ada'));
  }

  /** Closes what a test opened, and forgets all guards. */
  async clear(): Promise<void> {
    for (const close of this.closing.splice(0)) await close();
    await this.sql('DELETE FROM guard_leases');
    await this.sql('DELETE FROM guard_standing');
  }

  stop(): Promise<void> {
    return this.service.stop();
  }

  get caching(): CachingGuards {
    return this.service.app.get(CachingGuards, { strict: false });
  }

  async sql(text: string, values: unknown[] = []) {
    return (await this.service.store.pool.query(text, values)).rows;
  }

  issue() {
    const token = { userId: this.ada.id, description: 'x', scopes: ['rest'], expiresAt: null };
    return this.service.commands.execute(new CreateToken(this.service.caller(this.ada), token, 'right'));
  }

  revoke(id: string) {
    const command = new RevokeToken(this.service.caller(this.ada), id, 'anyone', { password: 'right' });
    return this.service.commands.execute(command);
  }

  natsAs(name: Name): Promise<NatsConnection> {
    return this.connect(name ? this.service.nats.guardUrls[name] : this.service.nats.urls.guard);
  }

  /** As the user that the URL names. */
  async connect(natsUrl: string): Promise<NatsConnection> {
    const url = new URL(natsUrl);
    const options = { user: url.username, pass: url.password, inboxPrefix: `_INBOX_${url.username}` };
    const nats = await connect({ servers: url.host, ...options });
    this.closing.push(() => nats.close());
    return nats;
  }

  /** What somebody writes who goes by the protocol's messages, and not by its rules. */
  async beat(nats: NatsConnection, name: Name, more: object = {}): Promise<{ granted: boolean; refused?: string }> {
    const request = { guard: randomUUID(), service: 'made-up', version: '0', entries: 0, hits: 0, misses: 0, ...more };
    const reply = await nats.request(subject(name, 'heartbeat'), JSON.stringify(request), { timeout: 5000 });
    return reply.json();
  }

  /** Answers every invalidation in the place of this guard. */
  acknowledge(nats: NatsConnection, name: Name, guard: string) {
    return nats.subscribe(invalidate.subject, {
      callback: (_error, message) => {
        const { id } = message.json<{ id: string }>();
        nats.publish(subject(name, 'acknowledged'), JSON.stringify({ invalidation: id, guard }));
      },
    });
  }

  async startGuard(name: Name): Promise<TokenVerifier> {
    const nats = name ? this.service.nats.guardUrls[name] : this.service.nats.urls.guard;
    const options = resolveAuthOptions({ nats, service: 'said', cache: true });
    const link = new NatsLink(options);
    await link.start();
    const verifier = new TokenVerifier(options, link);
    await verifier.onModuleInit();
    this.closing.push(async () => {
      await verifier.beforeApplicationShutdown();
      await link.onApplicationShutdown();
    });
    return verifier;
  }

  /** New guards all the time, and one that stays. @returns how it is ended, as it is after the test at the latest */
  flood(name: Name, steady = randomUUID()): () => Promise<void> {
    const stop = new AbortController();
    const flooding = (async () => {
      const nats = await this.natsAs(name);
      while (!stop.signal.aborted) {
        await this.beat(nats, name, { guard: steady });
        await this.beat(nats, name);
        await delay(FLOOD_EVERY_MS);
      }
    })();
    const end = () => {
      stop.abort();
      return flooding;
    };
    this.closing.unshift(end);
    return end;
  }
}

/** Until it answers from memory. */
export const warm = (guard: TokenVerifier, credential: string) =>
  eventually(async () => {
    await guard.verify({ credential });
    expect(guard.recall({ credential })).toMatchObject({ active: true });
  });

/** How long this takes, in ms. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
