import { Inject, Logger } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { type GuardUses, USES_PER_REPORT } from '@tokenlog/contracts/guard/uses.js';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { POOL } from '@tokenlog/platform/database.module.js';
import { RepeatedLines } from '@tokenlog/platform/repeated-lines.js';
import type { Pool } from 'pg';
import { Counter } from 'prom-client';
import { areTooMany, asCounted, type Known, refusalOf, type UseRefusal } from '../verification/refused-uses.js';

/** Counts uses that a guard answered from memory. A report that comes twice is counted once. */
export class CountGuardUses extends Command<void> {
  constructor(
    readonly report: GuardUses,
    /** Of the guard that said so, by its NATS user; `null`: of one that shares its user. */
    readonly name: string | null,
  ) {
    super();
  }
}

const NO_PARTITION = '23514';

const refusedUses = new Counter({
  name: 'tokenlog_guard_uses_refused_total',
  help: 'Lines of uses that caching guards reported and that were not counted, by why.',
  labelNames: ['reason'],
});

/** `$1` tokens, `$2` the guard's name. One row at least, for the time. */
const KNOWN_OF_REPORT = `
SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now, t.id,
  extract(epoch FROM a.first_at)::float8 * 1000 AS "firstAt"
FROM (SELECT) AS once
LEFT JOIN tokens t ON t.id = ANY($1)
LEFT JOIN guard_answers a ON a.name = $2 AND a.token_id = t.id`;

/**
 * `$1` uses as JSON, `$2` stream, `$3` first version, `$4` service, `$5` period. The stream is the guard's own, and each
 * report has its versions in it: they are taken already when it comes again.
 */
const COUNT_USES = `
WITH reported AS (
  SELECT r.*, t.id, u.id AS user_id, u.username,
    (SELECT sum((part->>'count')::bigint) FROM jsonb_array_elements(r.breakdown) AS part) AS count,
    (SELECT jsonb_agg(part || jsonb_build_object('service', $4::text)) FROM jsonb_array_elements(r.breakdown) AS part) AS parts
  FROM jsonb_to_recordset($1) AS r("tokenId" uuid, "firstAt" text, "lastAt" text, breakdown jsonb, index int)
  JOIN tokens t ON t.id = r."tokenId"
  JOIN users u ON u.id = t.user_id
),
appended AS (
  INSERT INTO events (stream, version, type, entity, data, metadata, period)
  SELECT $2, $3::int + index, 'token-used', id,
    jsonb_build_object('count', count, 'firstAt', "firstAt", 'lastAt', "lastAt", 'breakdown', parts),
    jsonb_build_object('by', jsonb_build_object('kind', 'user', 'id', user_id, 'username', username)), $5::date
  FROM reported
  ON CONFLICT DO NOTHING
  RETURNING entity, (data->>'count')::bigint AS count, (data->>'lastAt')::timestamptz AS last_at
)
INSERT INTO token_usage (token_id, use_count, last_used_at)
SELECT entity, sum(count), max(last_at) FROM appended GROUP BY entity ORDER BY entity
ON CONFLICT (token_id) DO UPDATE SET use_count = token_usage.use_count + excluded.use_count,
  last_used_at = greatest(token_usage.last_used_at, excluded.last_used_at)`;

@CommandHandler(CountGuardUses)
export class CountGuardUsesHandler implements ICommandHandler<CountGuardUses> {
  private readonly refusals = new RepeatedLines(new Logger('Guard uses'));

  constructor(
    @Inject(POOL) private readonly pool: Pool,
    private readonly store: EventStore,
  ) {}

  async execute({ report, name }: CountGuardUses): Promise<void> {
    const { guard, service } = report;
    const known = await this.knownOf(report, name);
    // Before any is left out: a report that comes again has the same numbers.
    const numbered = report.uses.map((use, index) => ({ use, index: index + 1 }));
    const counted = areTooMany(report.uses)
      ? numbered.filter(() => this.refuse(report, name, 'too-many'))
      : numbered.filter(({ use }) => this.refuse(report, name, refusalOf(use, known)));
    const [first] = counted;
    if (!first) return;
    const values = (month: string) => [
      JSON.stringify(counted.map(({ use, index }) => ({ ...asCounted(use, known.now), index }))),
      `uses-guard-${guard}-${month}-01`,
      (report.report - 1) * USES_PER_REPORT,
      name ?? service,
      `${month}-01`,
    ];
    await this.pool.query(COUNT_USES, values(monthOf(Date.parse(first.use.lastAt), known.now))).catch((error) => {
      if ((error as { code?: string }).code !== NO_PARTITION) throw error;
      // From before the log began.
      return this.pool.query(COUNT_USES, values(monthOf(known.now, known.now)));
    });
    this.store.appended();
  }

  private async knownOf({ uses }: GuardUses, name: string | null): Promise<Known> {
    const { rows } = await this.pool.query<{ now: number; id: string | null; firstAt: number | null }>(
      KNOWN_OF_REPORT,
      [uses.map(({ tokenId }) => tokenId), name],
    );
    const tokens = rows.flatMap(({ id, firstAt }) =>
      id === null ? [] : [[id, name === null ? undefined : firstAt] as const],
    );
    return { now: rows[0]?.now ?? 0, tokens: new Map(tokens) };
  }

  /** @returns whether the use is counted after all */
  private refuse({ guard, service, uses }: GuardUses, name: string | null, reason: UseRefusal | null): boolean {
    if (reason === null) return true;
    refusedUses.inc({ reason });
    const who =
      name === null ? `a guard that shares its NATS user and calls itself ${JSON.stringify(service)}` : `guard ${name}`;
    this.refusals.warn(
      name ?? '',
      `Uses that ${who} reports are not counted: ${reason} (report of ${uses.length} tokens, ${guard}).`,
    );
    return false;
  }
}

/** The month that a report belongs to, the same each time it comes; this month, where it is more than a day away. */
function monthOf(reported: number, now: number): string {
  return new Date(Math.abs(reported - now) < 86_400_000 ? reported : now).toISOString().slice(0, 7);
}
