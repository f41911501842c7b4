import type { NatsConnection } from '@nats-io/transport-node';
import { IDENTITY_STREAM, identityEvents } from '@tokenlog/contracts/identity/identity-events.js';
import type { RecordedEvent } from '@tokenlog/event-store/event.js';
import type { Subscriber } from '@tokenlog/event-store/subscription.js';
import type { Presence } from '@tokenlog/platform/deployment.js';
import { jetstreamPublisher } from '@tokenlog/platform/jetstream-publisher.js';

/** Publishes the log of users to the stream IDENTITY. */
export function publishUserEvents(nats: NatsConnection, presence: Presence): Subscriber {
  return jetstreamPublisher({
    nats,
    presence,
    stream: IDENTITY_STREAM,
    subjects: ['identity.>'],
    types: identityEvents.map(({ subject }) => subject.slice('identity.'.length)),
    subjectOf: ({ type }) => `identity.${type}`,
    payloadOf,
  });
}

function payloadOf({ id, type, recordedAt, version, metadata, entity, data }: RecordedEvent): object {
  return { id, type, at: recordedAt.toISOString(), version, by: metadata.by, userId: entity, ...data };
}
