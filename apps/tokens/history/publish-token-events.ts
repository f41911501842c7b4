import type { NatsConnection } from '@nats-io/transport-node';
import { TOKENS_STREAM, tokenEvents } from '@tokenlog/contracts/tokens/token-events.js';
import type { RecordedEvent } from '@tokenlog/event-store/event.js';
import type { Subscriber } from '@tokenlog/event-store/subscription.js';
import type { Presence } from '@tokenlog/platform/deployment.js';
import { jetstreamPublisher } from '@tokenlog/platform/jetstream-publisher.js';

const GIB = 1024 ** 3;

/** Publishes the log to the stream TOKENS. Old events leave the stream when it is full; the log keeps them. */
export function publishTokenEvents(nats: NatsConnection, presence: Presence): Subscriber {
  const subjects = tokenEvents.map(({ subject }) => subject);
  return jetstreamPublisher({
    nats,
    presence,
    stream: TOKENS_STREAM,
    subjects,
    types: subjects.map((subject) => subject.slice('tokens.'.length)),
    subjectOf: (event) => `tokens.${event.type}`,
    payloadOf,
    limits: { max_bytes: GIB },
  });
}

/** An event of the log as the contract has it. */
export function payloadOf({ id, type, recordedAt, version, metadata, data, entity }: RecordedEvent): object {
  const { sessionId } = data as { sessionId?: string };
  const about = sessionId ? {} : { tokenId: entity };
  return { id, type, at: recordedAt.toISOString(), version, by: metadata.by, ...about, ...data };
}
