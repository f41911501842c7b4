import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import type { Counter, Gauge, Registry } from 'prom-client';
import type { AuthFigures } from './auth-figures.js';
import type { ResolvedAuthOptions } from './auth-options.js';
import type { AuthStatus } from './auth-status.js';
import type { TokenVerifier } from './token-verifier.js';

/** Shows a guard's figures on the application's Prometheus registry, where `metrics` says so. Read when it is scraped. */
export class AuthMetrics implements OnModuleInit, OnApplicationShutdown {
  private shownBy: Set<AuthMetrics> | undefined;

  constructor(
    readonly options: ResolvedAuthOptions,
    readonly figures: AuthFigures,
    readonly status: AuthStatus,
    private readonly verifier: Partial<TokenVerifier>,
  ) {}

  /** @throws Error where `metrics` is set and `prom-client` is not installed */
  async onModuleInit(): Promise<void> {
    const { metrics } = this.options;
    if (metrics === false) return;
    const client = await import('prom-client').catch((error: Error) => {
      throw new Error(`AuthModule: option "metrics" needs the package prom-client: ${error.message}`);
    });
    const registry = metrics === true ? client.register : (metrics as Registry);
    this.shownBy = guardsOn(registry, client);
    this.shownBy.add(this);
  }

  onApplicationShutdown(): void {
    this.shownBy?.delete(this);
  }

  /** Of `cache: true`; else none. */
  get memory() {
    return this.verifier.memoryFigures;
  }
}

/** A registry takes a metric of one name once, and a process may run several applications. */
const guards = new WeakMap<Registry, Set<AuthMetrics>>();

function guardsOn(registry: Registry, client: typeof import('prom-client')): Set<AuthMetrics> {
  const known = guards.get(registry);
  // A registry that was cleared meanwhile has to be filled again.
  if (known && registry.getSingleMetric(VERIFICATIONS)) return known;
  const shown = known ?? new Set<AuthMetrics>();
  guards.set(registry, shown);
  const registers = [registry];
  const counter = (name: string, help: string, labels: string[], read: Read) =>
    new client.Counter({
      name,
      help,
      labelNames: ['service', ...labels],
      registers,
      collect() {
        fill(this, shown, read);
      },
    });
  const gauge = (name: string, help: string, read: (guard: AuthMetrics) => number | undefined) =>
    new client.Gauge({
      name,
      help,
      labelNames: ['service'],
      registers,
      collect() {
        fill(this, shown, (guard) => {
          const value = read(guard);
          return value === undefined ? [] : [[{}, value]];
        });
      },
    });

  counter(
    VERIFICATIONS,
    'Verifications by where they were answered: hits and misses.',
    ['answered_by'],
    ({ figures, memory }) => [
      [{ answered_by: 'memory' }, memory?.hits ?? 0],
      [{ answered_by: 'token-service' }, figures.asked],
    ],
  );
  counter(
    'tokenlog_guard_refusals_total',
    'Refused requests by status and code.',
    ['status', 'code'],
    ({ figures }) => [
      [UNAVAILABLE, 0],
      ...[...figures.refusals].map(([code, { status, count }]): Labelled => [{ status: String(status), code }, count]),
    ],
  );
  gauge('tokenlog_guard_connected', '1 while the guard reaches NATS.', ({ status }) =>
    status.current.status === 'up' ? 1 : 0,
  );
  gauge(
    'tokenlog_guard_leased',
    '1 while a caching guard may answer from memory.',
    ({ memory }) => memory && Number(memory.leased),
  );
  gauge('tokenlog_guard_entries', 'Credentials that a caching guard holds.', ({ memory }) => memory?.entries);
  return shown;
}

const VERIFICATIONS = 'tokenlog_guard_verifications_total';

/** Shown from the start, so that its first is seen as a rise. */
const UNAVAILABLE = { status: '503', code: 'verification-unavailable' };

type Labelled = [labels: Record<string, string>, value: number];
type Read = (guard: AuthMetrics) => Labelled[];

/** Guards of one name in one process add up. */
function fill(metric: Counter | Gauge, shown: Set<AuthMetrics>, read: Read): void {
  metric.reset();
  for (const guard of shown) {
    for (const [labels, value] of read(guard)) metric.inc({ service: guard.options.service, ...labels }, value);
  }
}
