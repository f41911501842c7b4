import type { LogCursor } from './event.js';

/**
 * A place in the log is a snapshot of the database: all that `seen` shows has been read. Where a snapshot is read in parts,
 * `reading` is that snapshot, and `after` the last event read of what it shows and `seen` does not, in the order of
 * `(transactionId, position)`. So a transaction that commits late is never skipped, and nobody waits for one: it is in no
 * earlier snapshot, whatever its position.
 */
export interface Place {
  /** As PostgreSQL writes a `pg_snapshot`: `xmin:xmax:xip,xip`. */
  readonly seen: string;
  /** Null: as much as there is when it is read. */
  readonly reading: string | null;
  readonly after: LogCursor | null;
}

/** A snapshot that shows nothing. */
export const LOG_START: Place = { seen: '1:1:', reading: null, after: null };

/** Of a place that was kept as the last event read, when whoever read it had waited for all transactions before it. */
export function placeBehind({ transactionId, position }: LogCursor): Place {
  if (transactionId === '0') return LOG_START;
  return { seen: `${transactionId}:${transactionId}:`, reading: null, after: { transactionId, position } };
}

/** What of the transactions a snapshot does not show: from `from` on all, and of those before it the `late` ones. */
export function unseenBy(snapshot: string): { readonly from: string; readonly late: readonly string[] } {
  const [, from = '1', open = ''] = snapshot.split(':');
  return { from, late: open === '' ? [] : open.split(',') };
}

/** A place as text, as message headers carry it: of each snapshot what it does not show. */
export function formatPlace({ seen, reading, after }: Place): string {
  const short = (snapshot: string) => {
    const { from, late } = unseenBy(snapshot);
    return [from, ...late].join(',');
  };
  return [short(seen), reading ? short(reading) : '', after ? `${after.transactionId}:${after.position}` : ''].join(
    '/',
  );
}

/** Reads `formatPlace`'s text; null for any other. */
export function parsePlace(text: string | undefined): Place | null {
  const [seen = '', reading = '', cursor = '', ...more] = (text ?? '').split('/');
  const snapshots = [snapshotOf(seen), reading === '' ? null : snapshotOf(reading)] as const;
  if (more.length > 0 || snapshots[0] === undefined || snapshots[1] === undefined) return null;
  const [transactionId, position] = cursor.split(':');
  if (cursor !== '' && !(isWhole(transactionId, 64) && isWhole(position, 63))) return null;
  const after = transactionId && position ? { transactionId, position } : null;
  return { seen: snapshots[0], reading: snapshots[1], after };
}

/** The snapshot that does not show this: all from the first number on, and the others before it. */
function snapshotOf(short: string): string | undefined {
  const [from, ...late] = short.split(',');
  const snapshot = `${late[0] ?? from}:${from}:${late.join(',')}`;
  return isSnapshot(snapshot) ? snapshot : undefined;
}

/** Whether PostgreSQL would read it as a `pg_snapshot`: the open transactions in their order, all within its bounds. */
export function isSnapshot(text: string): boolean {
  const [xmin, xmax, open, ...more] = text.split(':');
  if (open === undefined || more.length > 0) return false;
  const xips = open === '' ? [] : open.split(',');
  if (![xmin, xmax, ...xips].every((xid) => isWhole(xid, 64) && !/^0+$/.test(xid as string))) return false;
  const [first = 0n, ...rest] = [xmin, ...xips].map((xid) => BigInt(xid as string));
  const end = BigInt(xmax as string);
  if (first > end || rest.some((xid) => xid >= end)) return false;
  return rest.every((xid, index) => xid >= (rest[index - 1] ?? first));
}

/** Whether it is a whole number of so many bits, in decimal digits. */
export function isWhole(text: string | undefined, bits: 63 | 64): boolean {
  return text !== undefined && /^\d{1,20}$/.test(text) && BigInt(text) < 1n << BigInt(bits);
}
