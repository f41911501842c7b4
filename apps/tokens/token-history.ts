import { instant } from '@tokenlog/contracts/message.js';
import type { LogCursor, RecordedEvent } from '@tokenlog/event-store/event.js';
import { isWhole } from '@tokenlog/event-store/place.js';
import { cursorOf, readHistory } from '@tokenlog/event-store/read.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import { z } from 'zod';
import { decodeCursor, encodeCursor, pageOf } from './page.js';
import { nameOf } from './token-table.js';

/** An event as the audit shows it. */
export const historyItem = z.object({
  position: z.string(),
  id: z.uuid(),
  type: z.string(),
  at: instant,
  by: z.string(),
  byId: z.uuid().nullable(),
  from: z.array(z.object({ service: z.string().nullable(), ip: z.string().nullable(), count: z.int() })),
  with: z.object({ kind: z.enum(['token', 'session']), id: z.uuid() }).nullable(),
  changes: z.record(z.string(), z.unknown()),
});
export type HistoryItem = z.infer<typeof historyItem>;

export const historyPage = pageOf(historyItem);
export type HistoryPage = z.infer<typeof historyPage>;

const whole = (bits: 63 | 64) => z.string().refine((digits) => isWhole(digits, bits));

/** What orders events, in a cursor. */
export const logCursor = z.object({ transactionId: whole(64), position: whole(63) });

/** Every event of a token and of its sessions, newest first, from the log itself. */
export async function tokenHistory(
  sql: Sql,
  tokenId: string,
  page: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<HistoryPage> {
  const before: LogCursor | null = page.cursor ? decodeCursor(logCursor, page.cursor) : null;
  const { events, total } = await readHistory(sql, tokenId, before, page.limit + 1);
  const shown = events.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    items: shown.map(historyItemOf),
    nextCursor: last && events.length > page.limit ? encodeCursor(cursorOf(last)) : null,
    total,
  };
}

/** An event as the audit shows it: what, when, who, from where, and what changed. */
export function historyItemOf(event: RecordedEvent): HistoryItem {
  const { breakdown, service, ip, ...changes } = event.data as Record<string, unknown> & Partial<UseData>;
  const { by, with: credential = null } = event.metadata;
  const address = event.metadata.ip ?? ip ?? null;
  const origin = address || service ? [{ service: service ?? null, ip: address, count: 1 }] : [];
  return {
    position: event.position,
    id: event.id,
    type: event.type,
    at: event.recordedAt.toISOString(),
    by: nameOf(event),
    byId: by.kind === 'user' ? by.id : null,
    from: breakdown ?? origin,
    with: credential,
    changes,
  };
}

interface UseData {
  readonly breakdown: HistoryItem['from'];
  readonly service: string | null;
  readonly ip: string | null;
}
