import { AsyncLocalStorage } from 'node:async_hooks';
import type { RefusalReason, VerifyReply } from '@tokenlog/contracts/tokens/verify.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { Counter, Histogram } from 'prom-client';

/** By which way a verification came in. `in-process`: for a login with a token. */
export const WAYS = ['http', 'nats', 'forward-auth', 'introspection', 'in-process'] as const;
export type Way = (typeof WAYS)[number];

/** What came of it: why it was refused, or that it could not be decided. */
type Outcome = 'active' | RefusalReason | 'overloaded' | 'failed';

const verifications = new Counter({
  name: 'tokenlog_verifications_total',
  help: 'Verifications by outcome (active, the reason of a refusal, overloaded, failed) and the way by which they came in.',
  labelNames: ['outcome', 'via'],
});
const durations = new Histogram({
  name: 'tokenlog_verification_duration_seconds',
  help: 'Time from a verification’s arrival to its answer, the wait for its batch and the commit of its use included.',
  labelNames: ['via'],
  buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
});

/** By name, so that none is looked up for each verification. */
const counters = new Map<string, { inc(): void }>();
const timers = new Map<Way, { observe(seconds: number): void }>();
for (const via of WAYS) {
  timers.set(via, durations.labels({ via }));
  // From zero on: a rate needs the value before the first one.
  for (const outcome of ['active', 'unknown', 'overloaded', 'failed'] as const) {
    verifications.inc({ outcome, via }, 0);
  }
}

/** The way in of verifications that the guard of this service asks for. */
const wayIn = new AsyncLocalStorage<Way>();

/** Runs what verifies for somebody who is no caller of a route of this service. */
export function comingBy<Result>(via: Way, work: () => Result): Result {
  return wayIn.run(via, work);
}

/** Of the guard in this process: its own routes, where nothing else was said. */
export function ownWay(): Way {
  return wayIn.getStore() ?? 'http';
}

/** Counts and times a verification that begins now. */
export async function measured(via: Way, verification: Promise<VerifyReply>): Promise<VerifyReply> {
  const began = performance.now();
  try {
    const reply = await verification;
    count(via, reply.active ? 'active' : reply.reason, began);
    return reply;
  } catch (error) {
    count(via, error instanceof Problem && error.code === 'overloaded' ? 'overloaded' : 'failed', began);
    throw error;
  }
}

function count(via: Way, outcome: Outcome, began: number): void {
  const key = `${via} ${outcome}`;
  let counter = counters.get(key);
  if (!counter) {
    counter = verifications.labels({ outcome, via });
    counters.set(key, counter);
  }
  counter.inc();
  timers.get(via)?.observe((performance.now() - began) / 1000);
}
