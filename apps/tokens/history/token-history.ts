import { instant, type StoredEvent } from '@tokenlog/contracts/message.js';
import { exampleOf, named } from '@tokenlog/contracts/named.js';
import type { tokenRefused } from '@tokenlog/contracts/tokens/token-refused.js';
import type { tokenUsed } from '@tokenlog/contracts/tokens/token-used.js';
import type { LogCursor, RecordedEvent } from '@tokenlog/event-store/event.js';
import { isWhole } from '@tokenlog/event-store/place.js';
import { cursorOf, readHistory } from '@tokenlog/event-store/read.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import { z } from 'zod';
import { decodeCursor, encodeCursor, pageOf } from '../table/page.js';
import { nameOf } from '../table/token-table.js';

/** An event as the audit shows it. */
export const historyItem = named(
  'TokenEvent',
  z.object({
    position: z.string(),
    id: z.uuid(),
    type: z.string(),
    at: instant,
    by: z.string(),
    byId: z.uuid().nullable(),
    from: z.array(z.object({ service: z.string().nullable(), ip: z.string().nullable(), count: z.int() })),
    with: z.object({ kind: z.enum(['token', 'session']), id: z.uuid() }).nullable(),
    changes: z.record(z.string(), z.unknown()),
  }),
  {
    position: '4711',
    id: '01997c9e-3333-7333-8333-333333333333',
    type: 'token-revoked',
    at: '2026-11-02T09:26:53.589Z',
    by: 'ada',
    byId: '01997c9e-1111-7111-8111-111111111111',
    from: [{ service: null, ip: '192.0.2.7', count: 1 }],
    with: { kind: 'session', id: '01997c9e-4444-7444-8444-444444444444' },
    changes: { reason: 'laptop lost' },
  },
);
export type HistoryItem = z.infer<typeof historyItem>;
/** The document's example of an event. */
export const shownEvent: HistoryItem = exampleOf(historyItem);

export const historyPage = named('TokenEventPage', pageOf(historyItem), {
  items: [shownEvent],
  nextCursor: null,
  total: 1,
});
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

/** What events of uses and of refusals say of where they come from, which stands in a place of its own. */
type Origin = Pick<StoredEvent<typeof tokenUsed>['data'], 'breakdown'> &
  Pick<StoredEvent<typeof tokenRefused>['data'], 'service' | 'ip'>;

/** An event as the audit shows it: what, when, who, from where, and what changed. */
export function historyItemOf(event: RecordedEvent): HistoryItem {
  const { breakdown, service, ip, ...changes } = event.data as Record<string, unknown> & Partial<Origin>;
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
