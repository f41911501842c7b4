import type { EntityManager } from '@mikro-orm/postgresql';
import { instant, text } from '@tokenlog/contracts/message.js';
import { named } from '@tokenlog/contracts/named.js';
import type { EventStore } from '@tokenlog/event-store/event-store.js';
import { isSnapshot, LOG_START, placeBehind } from '@tokenlog/event-store/place.js';
import { countLog, readLog } from '@tokenlog/event-store/read.js';
import { pageLimit } from '@tokenlog/platform/page-limit.js';
import { userReference } from '@tokenlog/platform/user-reference.js';
import { z } from 'zod';
import { decodeCursor, encodeCursor } from '../table/page.js';
import { findUsers } from '../user/find-users.js';
import { type HistoryItem, historyItem, historyItemOf, logCursor, shownEvent } from './token-history.js';

/** The query of the audit: the whole log, or what of it is asked for. */
export const auditQuery = z.strictObject({
  // A place names every transaction that was open then.
  cursor: z.string().max(8000).optional(),
  limit: pageLimit(5000, 200),
  type: text.max(1000).optional().describe('event type; several, comma-separated'),
  actor: userReference.optional().describe('who did it'),
  user: userReference.optional().describe('whose token or session it is'),
  token: z.uuid().optional(),
  from: instant.optional(),
  to: instant.optional(),
  format: z.enum(['json', 'jsonl', 'csv']).default('json'),
});
export type AuditQuery = z.infer<typeof auditQuery>;

/** The document's example of an event in the audit. */
export const shownAuditEvent: AuditItem = {
  ...shownEvent,
  tokenId: '01997c9e-2222-7222-8222-222222222222',
  sessionId: null,
};
export const auditItem = named(
  'AuditEvent',
  historyItem.extend({ tokenId: z.uuid().nullable(), sessionId: z.uuid().nullable() }),
  shownAuditEvent,
);
export type AuditItem = HistoryItem & { tokenId: string | null; sessionId: string | null };
export const auditPage = named(
  'AuditPage',
  z.object({ items: z.array(auditItem), nextCursor: z.string().nullable(), total: z.int() }),
  { items: [shownAuditEvent], nextCursor: null, total: 1 },
);

const snapshot = z.string().refine(isSnapshot);
/** Where a page of the audit ended; the second form is of versions that read in the order of transaction ids alone. */
const auditCursor = z.union([
  z.object({ seen: snapshot, reading: snapshot.nullable(), after: logCursor.nullable() }),
  logCursor.transform(placeBehind),
]);

/**
 * A part of the log, oldest first: what was committed before something else was decided stands before it. Nothing is waited
 * for, skipped or shown twice: what commits late is on a later page.
 */
export async function auditLog(
  store: EventStore,
  em: EntityManager,
  query: AuditQuery,
): Promise<z.infer<typeof auditPage>> {
  const after = query.cursor ? decodeCursor(auditCursor, query.cursor) : LOG_START;
  const { token: entity, type, from, to } = query;
  const filter = {
    types: type?.split(','),
    entity,
    actors: await findUsers(em, 'actor', query.actor),
    users: await findUsers(em, 'user', query.user),
    from,
    to,
  };
  const { events, places } = await readLog(store.pool, after, query.limit + 1, filter);
  const shown = events.slice(0, query.limit);
  return {
    items: shown.map((event) => {
      const { sessionId = null } = event.data as { sessionId?: string };
      return { ...historyItemOf(event), tokenId: event.entity === sessionId ? null : event.entity, sessionId };
    }),
    nextCursor: events.length > query.limit ? encodeCursor(places[query.limit - 1]) : null,
    total: await countLog(store.pool, filter),
  };
}

/** Audit items one a line. */
export function toJsonLines(items: readonly AuditItem[]): string {
  return items.map((item) => `${JSON.stringify(item)}\n`).join('');
}

/** In the order that readers of the file know; what an item has beside comes after them. */
const FIRST_COLUMNS: readonly string[] = [
  ...['position', 'at', 'type', 'tokenId', 'sessionId', 'by', 'byId', 'from', 'changes', 'id'],
];
const CSV_COLUMNS = [
  ...FIRST_COLUMNS,
  ...Object.keys(auditItem.shape).filter((field) => !FIRST_COLUMNS.includes(field)),
] as readonly (keyof AuditItem)[];

/** Audit items as CSV (RFC 4180). A cell that a spreadsheet would run as a formula is defused with a quote mark. */
export function toCsv(items: readonly AuditItem[]): string {
  const lines = items.map((item) =>
    CSV_COLUMNS.map((column) => {
      const value = item[column];
      return cell(value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value));
    }).join(','),
  );
  return [CSV_COLUMNS.join(','), ...lines, ''].join('\r\n');
}

function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
