import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { resolveAuthOptions } from '../../libs/auth/auth-options.js';
import { NatsLink } from '../../libs/auth/nats-link.js';
import { TokenVerifier } from '../../libs/auth/token-verifier.js';
import type { VerificationCache } from '../../libs/auth/verification-cache.js';
import type { CachingGuardsMessage } from '../caching-guards.js';
import { givenArguments, serveParent } from '../child.js';
import { monotonicNow } from '../monotonic.js';

/** Caching guards as applications have them, in one process; each with a connection of its own. */
const { natsUrl } = givenArguments<{ natsUrl: string }>();
/** They start spread over the time between two heartbeats: those of one moment would stay in step. */
const HEARTBEAT_EVERY_MS = 500;
/** Of each guard, when it fills its memory. */
const VERIFICATIONS_AT_ONCE = 4;

interface Guard {
  readonly verifier: TokenVerifier;
  readonly cache: VerificationCache;
  readonly stop: () => Promise<void>;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const guards: Guard[] = [];
let held: readonly string[] = [];
const evictions = new Map<string, { guards: number; last: number }>();

serveParent(async (message: CachingGuardsMessage) => {
  if ('guards' in message) return keep(message.guards);
  if ('hold' in message) return hold(message.hold);
  return lastEvictions(message.evicted);
});

async function keep(count: number): Promise<void> {
  await Promise.all(guards.splice(count).map((guard) => guard.stop()));
  while (guards.length < count) {
    guards.push(await startGuard());
    await delay(HEARTBEAT_EVERY_MS / count);
  }
}

async function startGuard(): Promise<Guard> {
  const options = resolveAuthOptions({ nats: natsUrl, service: 'bench', cache: true });
  const link = new NatsLink(options);
  await link.start();
  const verifier = new TokenVerifier(options, link);
  const { cache } = (verifier as unknown as { memory: { cache: VerificationCache } }).memory;
  const evict = cache.evict.bind(cache);
  cache.evict = (invalidation) => {
    evict(invalidation);
    for (const token of invalidation.tokens) noteEviction(token);
  };
  await verifier.onModuleInit();
  const stop = async () => {
    await verifier.beforeApplicationShutdown();
    await link.onApplicationShutdown();
  };
  return { verifier, cache, stop };
}

function noteEviction(token: string): void {
  const noted = evictions.get(token);
  if (noted) {
    noted.guards++;
    noted.last = monotonicNow();
  } else evictions.set(token, { guards: 1, last: monotonicNow() });
}

async function hold(credentials: readonly string[]): Promise<void> {
  held = credentials;
  evictions.clear();
  await Promise.all(guards.map((guard) => fill(guard, credentials)));
  // What filling left behind, fifty times what a guard has, would be collected while revocations are timed.
  collectGarbage();
}

async function fill({ verifier, cache }: Guard, credentials: readonly string[]): Promise<void> {
  const left = [...credentials];
  const inTurn = async () => {
    for (let credential = left.pop(); credential !== undefined; credential = left.pop()) {
      // Before its first lease a guard keeps nothing.
      while (cache.find(credential, performance.now()) === undefined) await verifier.verify({ credential });
    }
  };
  await Promise.all(Array.from({ length: VERIFICATIONS_AT_ONCE }, inTurn));
}

function lastEvictions(tokens: readonly string[]): Float64Array {
  const now = performance.now();
  if (guards.some(({ cache }) => held.some((credential) => cache.find(credential, now) !== undefined))) {
    throw new Error('a guard still holds a token that was revoked');
  }
  return Float64Array.from(tokens, (token) => {
    const noted = evictions.get(token);
    if (noted?.guards !== guards.length)
      throw new Error(`${noted?.guards ?? 0} of ${guards.length} guards evicted a token`);
    return noted.last;
  });
}
