import type { VerifyReply } from '@tokenlog/contracts/tokens/verify.js';
import { verify as verifyContract } from '@tokenlog/contracts/tokens/verify.js';
import { connectNats } from '@tokenlog/platform/nats.js';
import { resolveAuthOptions } from '../../../libs/auth/auth-options.js';
import { NatsLink } from '../../../libs/auth/nats-link.js';
import { TokenVerifier } from '../../../libs/auth/token-verifier.js';
import type { Columns, Defect, Done, Order, Watched } from './messages.js';
import { now, type Outcome, outcomes } from './trace.js';

/**
 * A caching guard as a process of its own, on a NATS connection of its own. It verifies what it is told to watch, all the
 * time, and records each verification. `guard.ts` starts it.
 */
const PASS_EVERY_MS = 2;
const REQUEST_TIMEOUT_MS = 1500;
const ADDRESS = '192.0.2.9';

const [name = '', url = '', defect = 'none'] = process.argv.slice(2) as [string, string, Defect];

const nats = await connectNats(url, 'guard', name);
let asked = 0;
const request = nats.request.bind(nats);
nats.request = (subject, ...rest) => {
  if (subject === verifyContract.subject) asked++;
  return request(subject, ...rest);
};
const options = resolveAuthOptions({ nats, service: name, cache: true, requestTimeoutMs: REQUEST_TIMEOUT_MS });
const link = new NatsLink(options);
await link.start();
const verifier = new TokenVerifier(options, link);
breakIt(defect);
await verifier.onModuleInit();

let watched: Watched[] = [];
const underWay = new Set<number>();
let trace: { key: number; startedAt: number; endedAt: number; outcome: Outcome }[] = [];
let waiting: { n: number; since: number; left: Map<number, number>; counts: (outcome: Outcome) => boolean }[] = [];

setInterval(() => {
  for (const each of watched) if (!underWay.has(each.key)) void verifyOnce(each);
}, PASS_EVERY_MS);

process.on('message', (order: Order) => void obey(order));
process.on('disconnect', () => process.exit());
process.send?.({ n: 0 });

async function obey(order: Order): Promise<void> {
  switch (order.do) {
    case 'watch':
      watched = order.watched;
      return answer({ n: order.n });
    case 'warm':
      return waitFor(order.n, 1, (outcome) => outcome === 'memory');
    case 'rounds':
      return waitFor(order.n, order.count, (outcome) => outcome !== 'unavailable');
    case 'ask':
      return answer({ n: order.n, outcome: outcomes.indexOf(await verifyOnce(order.watched)) });
    case 'trace':
      return answer({ n: order.n, columns: takeTrace() });
    default:
      return order satisfies never;
  }
}

function answer(done: Done): void {
  process.send?.(done);
}

async function verifyOnce({ key, text, scopes }: Watched): Promise<Outcome> {
  underWay.add(key);
  const startedAt = now();
  const before = asked;
  const answered = verifier.verify({ credential: text, ip: ADDRESS, ...(scopes && { scopes }) });
  // Whether it asks is decided before the first await.
  const source = asked === before ? 'memory' : 'asked';
  const outcome = await answered.then(
    (reply: VerifyReply): Outcome => (reply.active ? source : 'refused'),
    (): Outcome => 'unavailable',
  );
  trace.push({ key, startedAt, endedAt: now(), outcome });
  underWay.delete(key);
  for (const each of waiting) {
    const left = each.left.get(key);
    if (left === undefined || startedAt < each.since || !each.counts(outcome)) continue;
    if (left > 1) each.left.set(key, left - 1);
    else each.left.delete(key);
    if (each.left.size === 0) answer({ n: each.n });
  }
  waiting = waiting.filter(({ left }) => left.size > 0);
  return outcome;
}

function waitFor(n: number, count: number, counts: (outcome: Outcome) => boolean): void {
  waiting.push({ n, since: now(), left: new Map(watched.map(({ key }) => [key, count])), counts });
}

function takeTrace(): Columns {
  const taken = trace;
  trace = [];
  return {
    keys: Float64Array.from(taken, ({ key }) => key),
    startedAt: Float64Array.from(taken, ({ startedAt }) => startedAt),
    endedAt: Float64Array.from(taken, ({ endedAt }) => endedAt),
    outcomes: Uint8Array.from(taken, ({ outcome }) => outcomes.indexOf(outcome)),
  };
}

function breakIt(how: Defect): void {
  const { memory } = verifier as unknown as { memory: { cache: object } };
  if (how === 'ignores-its-lease') {
    Object.defineProperty(memory, 'leaseEndsAt', { get: () => Number.POSITIVE_INFINITY, set: () => undefined });
  }
  if (how === 'acknowledges-without-forgetting') Object.assign(memory.cache, { evict: () => undefined });
}
