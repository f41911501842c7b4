import type { NatsConnection } from '@nats-io/transport-node';
import { IDENTITY_STREAM } from '@tokenlog/contracts/identity/identity-events.js';
import type { RecordedEvent } from '@tokenlog/event-store/event.js';
import type { Subscriber } from '@tokenlog/event-store/subscription.js';
import { jetstreamPublisher } from '@tokenlog/platform/jetstream-publisher.js';

/** Publishes the log of users to the stream IDENTITY. */
export function publishUserEvents(nats: NatsConnection): Subscriber {
  return jetstreamPublisher({
    nats,
    stream: IDENTITY_STREAM,
    subjects: ['identity.>'],
    subjectOf: ({ type }) => `identity.${type}`,
    payloadOf,
  });
}

function payloadOf({ id, type, recordedAt, version, metadata, entity, data }: RecordedEvent): object {
  return { id, type, at: recordedAt.toISOString(), version, by: metadata.by, userId: entity, ...data };
}
