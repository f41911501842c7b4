import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamAPI,
  type StreamInfo,
  type StreamUpdateConfig,
} from '@nats-io/jetstream';
import { headers, type NatsConnection, nanos } from '@nats-io/transport-node';
import { LOG_START, type LogCursor, type RecordedEvent } from '@tokenlog/event-store/event.js';
import { cursorOf } from '@tokenlog/event-store/read.js';
import type { Subscriber } from '@tokenlog/event-store/subscription.js';

/** What a service publishes of its log, and to where. */
export interface JetStreamPublication {
  readonly nats: NatsConnection;
  /** The stream's name; it is made when it is missing. */
  readonly stream: string;
  readonly subjects: readonly string[];
  /** Null: this event is not published. */
  readonly subjectOf: (event: RecordedEvent) => string | null;
  readonly payloadOf: (event: RecordedEvent) => object;
  /** Settings of the stream beside the publisher's own. */
  readonly limits?: Partial<Pick<StreamUpdateConfig, 'max_bytes' | 'max_age' | 'num_replicas'>>;
}

/** On each message: how far the log is in the stream, as `<transactionId>:<position>`. */
export const CURSOR_HEADER = 'Tokenlog-Cursor';

const DUPLICATE_WINDOW_MS = 120_000;
const TIMEOUT_MS = 3000;

/**
 * A subscriber that copies a log to a JetStream stream, each event once and in the log's order, under the event's id.
 *
 * The log is the truth: the stream's last message says where to go on, so that a stream that lost its tail, or all of it,
 * is filled again. Each message names the sequence that it must follow. So a message that fails takes those sent behind
 * it along, and a publisher that was replaced without noticing cannot write between its successor's.
 */
export function jetstreamPublisher(publication: JetStreamPublication): Subscriber {
  const { nats, stream, subjectOf, payloadOf } = publication;
  const client = jetstream(nats, { timeout: TIMEOUT_MS });
  let manager: Promise<JetStreamManager> | undefined;
  let lastSequence = 0;

  const manage = () => (manager ??= jetstreamManager(nats, { timeout: TIMEOUT_MS, checkAPI: false }));

  const payload = (event: RecordedEvent) => JSON.stringify(payloadOf(event));
  const header = (event: RecordedEvent, follows: number) => {
    const { transactionId, position } = cursorOf(event);
    const fields = headers();
    fields.set('Nats-Msg-Id', event.id);
    fields.set('Nats-Expected-Stream', stream);
    fields.set('Nats-Expected-Last-Sequence', String(follows));
    fields.set(CURSOR_HEADER, `${transactionId}:${position}`);
    return fields;
  };

  return {
    name: 'publisher',

    async resume(checkpoint) {
      const { streams } = await manage();
      let { state } = await ensureStream(streams, publication);
      if (state.messages > 0 && isStart(checkpoint)) {
        // This log has published nothing yet: the stream is of another database. Purged, it would still refuse the ids
        // of the events that it held.
        await streams.delete(stream);
        ({ state } = await ensureStream(streams, publication));
      }
      lastSequence = state.last_seq;
      if (state.messages === 0) return LOG_START;
      const last = await streams.getMessage(stream, { seq: state.last_seq });
      // A message that is not ours says nothing of how far the log has come.
      return parseCursor(last?.header.get(CURSOR_HEADER)) ?? checkpoint;
    },

    async deliver(events) {
      const due = events.filter((event) => subjectOf(event) !== null);
      const last = due.pop();
      if (!last) return;
      let expected = lastSequence;
      // Only the last one is acknowledged: it is stored where it should be only if all those before it were.
      const write = async () => {
        for (const event of due) {
          nats.publish(subjectOf(event) ?? '', payload(event), { headers: header(event, expected++) });
        }
        return client.publish(subjectOf(last) ?? '', payload(last), { headers: header(last, expected++) });
      };
      const { seq } = await write().catch((error: Error) => {
        throw new Error(`${stream} is not written to: ${error.message}`);
      });
      // A stream that was purged still refuses the ids that it saw last, until the window has passed.
      if (seq !== expected) throw new Error(`${stream} takes an event for a duplicate`);
      lastSequence = expected;
    },

    async check() {
      const { streams } = await manage();
      const { state } = await streams.info(stream);
      if (state.last_seq !== lastSequence) throw new Error(`${stream} is not as it was left; it is filled again`);
    },
  };
}

async function ensureStream(streams: StreamAPI, publication: JetStreamPublication): Promise<StreamInfo> {
  const wanted = {
    subjects: [...publication.subjects],
    discard: DiscardPolicy.Old,
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    deny_delete: true,
    ...publication.limits,
  };
  try {
    return await streams.update(publication.stream, wanted);
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.code !== JetStreamApiCodes.StreamNotFound) throw error;
    return await streams.add({
      name: publication.stream,
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      ...wanted,
    });
  }
}

function isStart({ transactionId, position }: LogCursor): boolean {
  return transactionId === LOG_START.transactionId && position === LOG_START.position;
}

function parseCursor(text: string | undefined): LogCursor | null {
  const match = /^(\d+):(\d+)$/.exec(text ?? '');
  return match ? { transactionId: match[1] as string, position: match[2] as string } : null;
}
