import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { type GuardUses, USES_PER_REPORT } from '@tokenlog/contracts/guard/uses.js';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { DatabaseClock } from '@tokenlog/platform/clock.js';
import { POOL } from '@tokenlog/platform/database.module.js';
import type { Pool } from 'pg';

/** Counts uses that a guard answered from memory. A report that comes twice is counted once. */
export class CountGuardUses extends Command<void> {
  constructor(readonly report: GuardUses) {
    super();
  }
}

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
  constructor(
    @Inject(POOL) private readonly pool: Pool,
    private readonly store: EventStore,
    private readonly clock: DatabaseClock,
  ) {}

  async execute({ report }: CountGuardUses): Promise<void> {
    const { guard, service, uses } = report;
    const now = this.clock.nowMs();
    const period = `${monthOf(uses[0]?.lastAt, now)}-01`;
    await this.pool.query(COUNT_USES, [
      JSON.stringify(uses.map((use, index) => ({ ...use, ...notAhead(use, now), index: index + 1 }))),
      `uses-guard-${guard}-${period}`,
      (report.report - 1) * USES_PER_REPORT,
      service,
      period,
    ]);
    this.store.appended();
  }
}

/** A guard's clock may be ahead; a use in the future would stay the last one for good. */
function notAhead({ firstAt, lastAt }: GuardUses['uses'][number], now: number) {
  const atMostNow = (at: string) => new Date(Math.min(Date.parse(at), now)).toISOString();
  return { firstAt: atMostNow(firstAt), lastAt: atMostNow(lastAt) };
}

/** The month that a report belongs to, the same each time it comes; this month, where the guard's clock is far off. */
function monthOf(reported: string | undefined, now: number): string {
  const at = Date.parse(reported ?? '');
  return new Date(Math.abs(at - now) < 86_400_000 ? at : now).toISOString().slice(0, 7);
}
