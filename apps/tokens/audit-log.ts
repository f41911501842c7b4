import { instant } from '@tokenlog/contracts/message.js';
import { LOG_START } from '@tokenlog/event-store/event.js';
import type { EventStore } from '@tokenlog/event-store/event-store.js';
import { cursorOf, readLog } from '@tokenlog/event-store/read.js';
import { z } from 'zod';
import { decodeCursor, encodeCursor, pageQuery } from './page.js';
import { type HistoryItem, historyItem, historyItemOf, logCursor } from './token-history.js';

/** The query of the audit: the whole log, or what of it is asked for. */
export const auditQuery = z.strictObject({
  ...pageQuery,
  limit: z.coerce.number().int().min(1).max(5000).default(200),
  type: z.string().max(64).optional().describe('event type; several, comma-separated'),
  actor: z.string().max(128).optional().describe('account name or id of who did it'),
  user: z.string().max(128).optional().describe('account name or id of whose token or session it is'),
  token: z.uuid().optional(),
  from: instant.optional(),
  to: instant.optional(),
  format: z.enum(['json', 'jsonl', 'csv']).default('json'),
});
export type AuditQuery = z.infer<typeof auditQuery>;

export const auditItem = historyItem.extend({ tokenId: z.uuid().nullable(), sessionId: z.uuid().nullable() });
export type AuditItem = HistoryItem & { tokenId: string | null; sessionId: string | null };
export const auditPage = z.object({ items: z.array(auditItem), nextCursor: z.string().nullable() });

/**
 * A part of the log in the order of commits, oldest first and without gaps: what is not settled yet is not shown, and the
 * cursor goes on after it.
 */
export async function auditLog(store: EventStore, query: AuditQuery): Promise<z.infer<typeof auditPage>> {
  const after = query.cursor ? decodeCursor(logCursor, query.cursor) : LOG_START;
  const events = await readLog(store.pool, after, query.limit + 1, {
    types: query.type?.split(','),
    entity: query.token,
    actor: query.actor,
    user: query.user,
    from: query.from,
    to: query.to,
  });
  const shown = events.slice(0, query.limit);
  const last = shown.at(-1);
  return {
    items: shown.map((event) => {
      const { sessionId = null } = event.data as { sessionId?: string };
      return { ...historyItemOf(event), tokenId: event.entity === sessionId ? null : event.entity, sessionId };
    }),
    nextCursor: last && events.length > query.limit ? encodeCursor(cursorOf(last)) : null,
  };
}

const CSV_COLUMNS = ['position', 'at', 'type', 'tokenId', 'sessionId', 'by', 'byId', 'from', 'changes', 'id'] as const;

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
