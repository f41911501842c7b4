import type { MsgHdrs } from '@nats-io/transport-node';
import type { EventReference } from '@tokenlog/event-store/read.js';

/** On each message that a log's publisher writes. */
export const logHeaders = {
  /** Where the event stands in the log, as `<transactionId>:<position>`. */
  cursor: 'Tokenlog-Cursor',
  /** Where the publisher goes on after it, as `formatPlace` writes it. */
  place: 'Tokenlog-Place',
  /** The id of the deployment. */
  deployment: 'Tokenlog-Deployment',
  /** The epoch of the log: see `history.ts`. */
  epoch: 'Tokenlog-Epoch',
} as const;

/** Whose log a message is of, and which history of it. */
export interface Provenance {
  /** Null: from before messages carried it. */
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
  return {
    deployment: headers?.get(logHeaders.deployment) || null,
    epoch: Number(headers?.get(logHeaders.epoch) || 0),
    event: id && transactionId && position ? { id, transactionId, position } : null,
  };
}
