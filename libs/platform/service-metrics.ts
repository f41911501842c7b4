import type { Behind } from '@tokenlog/event-store/behind.js';
import { outages } from '@tokenlog/event-store/outage.js';
import type { Pool } from 'pg';
import { Gauge } from 'prom-client';
import type { DatabaseClock } from './clock.js';
import { observedGauge, onceASecond } from './observed-gauge.js';
import { VERSION } from './version.js';

new Gauge({
  name: 'tokenlog_build_info',
  help: 'Always 1; the labels say which version runs on which Node.',
  labelNames: ['version', 'node'],
}).set({ version: VERSION, node: process.version }, 1);

observedGauge({
  name: 'tokenlog_loop_failing',
  help: 'Whether something that the service does by itself, again and again, fails now (1) or works (0).',
  labelNames: ['loop'],
}).observe(() => outages().map(({ name, isUnderWay }) => ({ labels: { loop: name }, value: Number(isUnderWay) })));

const connections = observedGauge({
  name: 'tokenlog_database_connections',
  help: 'Connections to PostgreSQL by pool and state (idle, in_use).',
  labelNames: ['pool', 'state'],
});
const mostConnections = observedGauge({
  name: 'tokenlog_database_connections_max',
  help: 'The most connections that a pool opens.',
  labelNames: ['pool'],
});
const waiting = observedGauge({
  name: 'tokenlog_database_requests_waiting',
  help: 'Requests that wait for a free connection of a pool.',
  labelNames: ['pool'],
});
const subscriptionEvents = observedGauge({
  name: 'tokenlog_subscription_behind_events',
  help: 'Events of the log that a subscription (publisher: the log to JetStream) has not taken, 10000 at most.',
  labelNames: ['subscription'],
});
const subscriptionSeconds = observedGauge({
  name: 'tokenlog_subscription_behind_seconds',
  help: 'How long the first event that a subscription has not taken has been in the log; 0: none.',
  labelNames: ['subscription'],
});
const consumerEvents = observedGauge({
  name: 'tokenlog_consumer_behind_events',
  help: 'Messages of a stream that a consumer has not done.',
  labelNames: ['consumer'],
});
const consumerSeconds = observedGauge({
  name: 'tokenlog_consumer_behind_seconds',
  help: 'How long the first message that a consumer has not done has been in its stream; 0: none.',
  labelNames: ['consumer'],
});

/** What can be asked how far it is behind. */
export interface Consumer {
  /** `since`: when the first of the messages that are not done came; null: there is none, or it cannot be told. */
  behind(): Promise<{ readonly events: number; readonly since: Date | null }>;
}

/** Shows a pool. @returns what ends it */
export function observePool(pool: string, of: Pool): () => void {
  return all([
    connections.observe(() => [
      { labels: { pool, state: 'idle' }, value: of.idleCount },
      { labels: { pool, state: 'in_use' }, value: of.totalCount - of.idleCount },
    ]),
    mostConnections.observe(() => [{ labels: { pool }, value: of.options.max }]),
    waiting.observe(() => [{ labels: { pool }, value: of.waitingCount }]),
  ]);
}

/** Shows how far a subscription is behind. @returns what ends it */
export function observeSubscription(subscription: string, behind: () => Promise<Behind>): () => void {
  const read = onceASecond(behind);
  return all([
    subscriptionEvents.observe(async () => [{ labels: { subscription }, value: (await read()).events }]),
    subscriptionSeconds.observe(async () => [{ labels: { subscription }, value: (await read()).seconds }]),
  ]);
}

/** Shows how far a consumer is behind. @returns what ends it */
export function observeConsumer(consumer: string, of: Consumer, clock: DatabaseClock): () => void {
  const read = onceASecond(() => of.behind());
  return all([
    consumerEvents.observe(async () => [{ labels: { consumer }, value: (await read()).events }]),
    consumerSeconds.observe(async () => {
      const { since } = await read();
      return [{ labels: { consumer }, value: since ? Math.max(0, (clock.nowMs() - since.getTime()) / 1000) : 0 }];
    }),
  ]);
}

function all(ends: readonly (() => void)[]): () => void {
  return () => {
    for (const end of ends) end();
  };
}
