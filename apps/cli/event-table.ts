import type { AuditItem, HistoryItem } from './api.js';
import type { Column } from './table.js';
import { absolute } from './times.js';

/** What the other columns say, or what tells an eye nothing; `--json` has it all. */
const LEFT_OUT = new Set(['tokenId', 'sessionId', 'firstAt', 'lastAt']);

/** The history of a token. */
export const historyColumns: Column<HistoryItem>[] = [
  { title: 'Time', cell: ({ at }) => absolute(at) },
  { title: 'Event', cell: ({ type }) => type, whole: true },
  { title: 'By', cell: ({ by }) => by },
  { title: 'From', cell: ({ from }) => origins(from), spare: 2 },
  { title: 'What', cell: ({ changes }) => changesOf(changes), prose: true },
];

/** The audit: the history of everything. */
export const auditColumns: Column<AuditItem>[] = [
  ...(historyColumns.slice(0, 3) as Column<AuditItem>[]),
  { title: 'Token or session', cell: ({ tokenId, sessionId }) => tokenId ?? sessionId ?? '', whole: true, spare: 1 },
  ...(historyColumns.slice(3) as Column<AuditItem>[]),
];

/** `example-api 192.0.2.7 ×3, 192.0.2.9` */
export function origins(from: HistoryItem['from']): string {
  return from
    .map(({ service, ip, count }) => {
      const place = [service, ip && plainAddress(ip)].filter((part) => part !== null).join(' ');
      return count > 1 ? `${place} ×${count}`.trim() : place;
    })
    .filter((text) => text !== '')
    .join(', ');
}

/** `192.0.2.7`, however a socket for both kinds of addresses writes it. */
export function plainAddress(ip: string): string {
  return ip.replace(/^::ffff:(?=\d+\.)/i, '');
}

/** `reason="lost laptop" scopes=rest,reports expiresAt=never` */
export function changesOf(changes: HistoryItem['changes']): string {
  return Object.entries(changes)
    .filter(([name, value]) => value !== null && !LEFT_OUT.has(name) && !(name === 'userId' && changes.username))
    .map(([name, value]) => `${name}=${shown(value)}`)
    .join(' ');
}

function shown(value: unknown): string {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join(',') || 'none';
  if (typeof value !== 'string') return JSON.stringify(value);
  return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}
