import type { MsgHdrs } from '@nats-io/transport-node';
import type { EventReference } from '@tokenlog/event-store/read.js';

/** On each message that a log's publisher writes. */
export const logHeaders = {
  /** Where the event stands in the log, as `<transactionId>:<position>`. */
  cursor: 'Tokenlog-Cursor',
  /** Where the publisher goes on after it, as `formatPlace` writes it, without the event itself. */
  place: 'Tokenlog-Place',
  /** Whose log it is and which history of it, as `<deployment id without dashes>/<epoch>`: see `history.ts`. */
  log: 'Tokenlog-Log',
} as const;

/** Whose log a message is of, and which history of it. */
export interface Provenance {
  /** Without dashes. Null: from before messages carried it. */
  readonly deployment: string | null;
  /** 0: from before messages carried it. */
  readonly epoch: number;
  /** The event as its log knows it; null for a message that no publisher of ours wrote. */
  readonly event: EventReference | null;
}

/** What a message's headers say of where it is from. */
export function provenanceOf(headers: MsgHdrs | undefined): Provenance {
  const [, transactionId, position] = /^(\d{1,20}):(\d{1,20})$/.exec(headers?.get(logHeaders.cursor) ?? '') ?? [];
  const id = headers?.get('Nats-Msg-Id');
  const [, deployment = null, epoch] = /^([0-9a-f]{32})\/(\d{1,15})$/.exec(headers?.get(logHeaders.log) ?? '') ?? [];
  return {
    deployment,
    epoch: Number(epoch ?? 0),
    event: id && transactionId && position ? { id, transactionId, position } : null,
  };
}

/** What a message says of the log that it is of. */
export function logHeader(deployment: string, epoch: number): string {
  return `${plainId(deployment)}/${epoch}`;
}

/** An id as the headers have it. */
export function plainId(deployment: string): string {
  return deployment.replaceAll('-', '');
}
