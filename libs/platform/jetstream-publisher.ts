import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  type PubAck,
  RetentionPolicy,
  StorageType,
  type StreamAPI,
  type StreamInfo,
  type StreamUpdateConfig,
} from '@nats-io/jetstream';
import { headers, type NatsConnection, nanos } from '@nats-io/transport-node';
import { Logger } from '@nestjs/common';
import type { RecordedEvent } from '@tokenlog/event-store/event.js';
import { beginEpoch, currentEpoch } from '@tokenlog/event-store/history.js';
import { formatPlace, LOG_START, type Place, parsePlace, placeBehind } from '@tokenlog/event-store/place.js';
import { cursorOf, heldEvents } from '@tokenlog/event-store/read.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import type { Subscriber } from '@tokenlog/event-store/subscription.js';
import { nameOf, type Presence } from './deployment.js';
import { logHeader, logHeaders, type Provenance, plainId, provenanceOf } from './log-headers.js';

/** What a service publishes of its log, and to where. */
export interface JetStreamPublication {
  readonly nats: NatsConnection;
  /** Which deployment this is, and who else is on this NATS server. */
  readonly presence: Presence;
  /** The stream's name; it is made when it is missing. */
  readonly stream: string;
  readonly subjects: readonly string[];
  /** The types that this version publishes. */
  readonly types: readonly string[];
  /** Null: this event is not published. */
  readonly subjectOf: (event: RecordedEvent) => string | null;
  readonly payloadOf: (event: RecordedEvent) => object;
  /** Settings of the stream beside the publisher's own. */
  readonly limits?: Partial<Pick<StreamUpdateConfig, 'max_bytes' | 'max_age' | 'num_replicas'>>;
}

/** An event that is to be published, and where the log goes on behind it. */
type Due = readonly [RecordedEvent, Place];

const DUPLICATE_WINDOW_MS = 120_000;
const TIMEOUT_MS = 3000;

/**
 * A subscriber that copies a log to a JetStream stream, each event once and in the log's order, under the event's id.
 *
 * The log is the truth: the stream's last message says where to go on, so that a stream that lost its tail, or all of it,
 * is filled again. A last message whose event this log does not have tells that the database is of another history than the
 * stream, restored from a back-up say: another epoch begins, and publishing goes on where this database stopped. Each message
 * names the sequence that it must follow. So a message that fails takes those sent behind it along, and a publisher that was
 * replaced without noticing cannot write between its successor's.
 *
 * A stream is never deleted: one that belonged to a deployment which nobody answers for is kept, and goes on with ours.
 */
export function jetstreamPublisher(publication: JetStreamPublication): Subscriber {
  const { nats, presence, stream, types, subjectOf, payloadOf } = publication;
  const logger = new Logger(`Publisher of ${stream}`);
  const client = jetstream(nats, { timeout: TIMEOUT_MS });
  let manager: Promise<JetStreamManager> | undefined;
  let lastSequence = 0;
  let epoch = 0;

  const manage = () => (manager ??= jetstreamManager(nats, { timeout: TIMEOUT_MS, checkAPI: false }));

  const payload = (event: RecordedEvent) => JSON.stringify(payloadOf(event));
  const header = (event: RecordedEvent, place: Place, follows: number) => {
    const { transactionId, position } = cursorOf(event);
    const fields = headers();
    fields.set('Nats-Msg-Id', event.id);
    fields.set('Nats-Expected-Stream', stream);
    fields.set('Nats-Expected-Last-Sequence', String(follows));
    fields.set(logHeaders.cursor, `${transactionId}:${position}`);
    // What the cursor says already is not said twice; an event that was left says nothing of where the log goes on.
    fields.set(logHeaders.place, formatPlace({ ...place, after: null }));
    fields.set(logHeaders.log, logHeader(presence.self.id, epoch));
    return fields;
  };
  const publish = (event: RecordedEvent, place: Place, follows: number): Promise<PubAck> =>
    client.publish(subjectOf(event) ?? '', payload(event), { headers: header(event, place, follows) });

  /** Only the last one is acknowledged: it is stored where it should be only if all those before it were. */
  const deliverAtOnce = async (due: readonly Due[]): Promise<boolean> => {
    let follows = lastSequence;
    try {
      for (const [event, place] of due.slice(0, -1)) {
        nats.publish(subjectOf(event) ?? '', payload(event), { headers: header(event, place, follows++) });
      }
      const { seq } = await publish(...(due.at(-1) as Due), follows++);
      if (seq === follows) lastSequence = follows;
      return seq === follows;
    } catch (error) {
      if ((error as JetStreamApiError).code === JetStreamApiCodes.StreamWrongLastSequence) return false;
      throw error;
    }
  };

  /** Those that are in the stream already, written by what this database was before it was restored, stay where they are. */
  const deliverOneByOne = async (due: readonly Due[]): Promise<void> => {
    const { streams } = await manage();
    for (const [event, place] of due) {
      const { seq, duplicate } = await publish(event, place, lastSequence);
      if (!duplicate || seq === lastSequence + 1) lastSequence = seq;
      // A stream that was purged still refuses the ids that it saw last, until the window has passed.
      if (duplicate && (await streams.getMessage(stream, { seq }))?.header.get('Nats-Msg-Id') !== event.id) {
        throw new Error('it takes an event for a duplicate');
      }
    }
  };

  return {
    name: 'publisher',
    types,

    async resume(checkpoint, sql) {
      const { streams } = await manage();
      const { state } = await ensureStream(streams, publication, (last) => isOurs(sql, presence, last));
      lastSequence = state.last_seq;
      epoch = await currentEpoch(sql);
      if (state.messages === 0) return LOG_START;
      const last = await streams.getMessage(stream, { seq: state.last_seq });
      const provenance = provenanceOf(last?.header);
      // A message that is not ours says nothing of how far the log has come.
      if (provenance.event === null || !(await isOurs(sql, presence, provenance))) return checkpoint;
      const { event } = provenance;
      if ((await heldEvents(sql, [event])).has(event.id)) {
        const place = parsePlace(last?.header.get(logHeaders.place));
        return place ? { ...place, after: place.reading === null ? null : event } : placeBehind(event);
      }
      if (provenance.epoch >= epoch) {
        epoch = await beginEpoch(sql, provenance.epoch, `${stream} knew an event that this database does not have`);
        logger.warn(
          `${stream} has events up to ${last?.time.toISOString()} that this database does not have: it was restored from a ` +
            'back-up. What it says now holds; another epoch begins, and publishing goes on from its log.',
        );
      }
      return checkpoint;
    },

    async deliver(events, places) {
      const due = events.map((event, at): Due => [event, places[at] as Place]).filter(([event]) => subjectOf(event));
      if (due.length === 0) return;
      try {
        if (!(await deliverAtOnce(due))) await deliverOneByOne(due);
      } catch (error) {
        throw new Error(`${stream} is not written to: ${(error as Error).message}`);
      }
    },

    async check() {
      const { streams } = await manage();
      const { config, state } = await streams.info(stream);
      const isAsMade =
        state.last_seq === lastSequence &&
        ownerOf(config.description) === presence.self.id &&
        String([...config.subjects].sort()) === String([...publication.subjects].sort());
      if (!isAsMade) throw new Error(`${stream} is not as it was left; it is filled again`);
    },
  };
}

/** Whether a message is of this deployment: it says so, or, from before messages said so, its event is in this log. */
async function isOurs(sql: Sql, { self }: Presence, { deployment, event }: Provenance): Promise<boolean> {
  if (deployment !== null) return deployment === plainId(self.id);
  return event !== null && (await heldEvents(sql, [event])).has(event.id);
}

/**
 * Makes the stream where it is missing, and says whose it is. One that is another deployment's, or of whom it is cannot be
 * told, is taken over if nobody of that deployment is there, with all that it holds.
 * @throws Error that names both deployments where the other one is there
 */
async function ensureStream(
  streams: StreamAPI,
  { stream, subjects, limits, presence }: JetStreamPublication,
  isOurs: (last: Provenance) => Promise<boolean>,
): Promise<StreamInfo> {
  const wanted = {
    subjects: [...subjects],
    description: descriptionOf(presence),
    discard: DiscardPolicy.Old,
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    deny_delete: true,
    ...limits,
  };
  const found = await streams.info(stream).catch(unlessMissing);
  if (!found) {
    return streams.add({ name: stream, storage: StorageType.File, retention: RetentionPolicy.Limits, ...wanted });
  }
  if (found.state.messages > 0 && ownerOf(found.config.description) !== presence.self.id) {
    const owner = ownerOf(found.config.description);
    const other = (await presence.others()).find(({ id }) => owner === undefined || id === owner);
    if (other)
      throw new Error(`${stream} is of ${nameOf(other)}, which is there, and this is ${nameOf(presence.self)}`);
    const last = await streams.getMessage(stream, { seq: found.state.last_seq });
    if (owner !== undefined || !(await isOurs(provenanceOf(last?.header)))) {
      new Logger(`Publisher of ${stream}`).warn(
        `${stream} was of ${found.config.description ?? 'a Tokenlog that did not say which'}, and nobody of that is there; ` +
          `it is kept, and goes on with the events of ${nameOf(presence.self)}`,
      );
    }
  }
  return streams.update(stream, wanted);
}

const OWNER = /^Tokenlog deployment ([0-9a-f-]{36})\b/;

function descriptionOf({ self }: Presence): string {
  return `Tokenlog deployment ${self.id} (${self.serverName})`;
}

function ownerOf(description: string | undefined): string | undefined {
  return OWNER.exec(description ?? '')?.[1];
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound) return undefined;
  throw error;
}
