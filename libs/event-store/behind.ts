import { unseenBy } from './place.js';
import { conditions } from './read.js';
import type { Sql } from './sql.js';
import { readCheckpoint } from './subscription.js';

/** The most events that are counted; what is further behind is told by its age. */
export const MOST_COUNTED = 10_000;

/** How far a reader is behind what there is for it. */
export interface Behind {
  /** That it has not read, `MOST_COUNTED` at most. */
  readonly events: number;
  /** How long the first of them has been there. */
  readonly seconds: number;
}

/** How far a subscription is behind the log, by the database's clock. */
export async function subscriptionBehind(sql: Sql, name: string, types?: readonly string[]): Promise<Behind> {
  const { seen, reading, after } = await readCheckpoint(sql, name);
  const { from, late } = unseenBy(seen);
  const values: unknown[] = [from, late, reading, after?.transactionId ?? null, after?.position ?? null];
  const part = (condition: string, more: string) =>
    `(SELECT recorded_at FROM events WHERE ${condition}
        AND ($3::pg_snapshot IS NULL OR NOT pg_visible_in_snapshot(transaction_id, $3)
          OR (transaction_id, position) > ($4::xid8, $5::bigint)) ${more}
      ORDER BY transaction_id, position LIMIT ${MOST_COUNTED})`;
  const known = conditions({ types }, values);
  const { rows } = await sql.query<Behind>(
    `SELECT least(count(*), ${MOST_COUNTED})::int AS events,
       greatest(0, coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at)), 0))::float8 AS seconds
     FROM (${part('transaction_id >= $1::xid8', known)} UNION ALL ${part('transaction_id = ANY($2::xid8[])', known)}) AS unread`,
    values,
  );
  return rows[0] as Behind;
}
