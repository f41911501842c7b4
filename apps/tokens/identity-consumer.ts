import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import { IDENTITY_STREAM, type IdentityEvent, identityEvent } from '@tokenlog/contracts/identity/identity-events.js';
import { identityEventApplied } from '@tokenlog/contracts/internal/identity-event-applied.js';
import { DurableConsumer } from '@tokenlog/platform/durable-consumer.js';
import { NATS } from '@tokenlog/platform/nats.js';
import { CachingGuards } from './caching-guards.js';
import { reactionTo } from './reaction.js';

/** A replica that was killed over an event keeps it from the others for so long. */
const ACK_WAIT_MS = 10_000;

/**
 * Reads identity's events, in order, one at a time across all replicas, and has the reaction to each committed before it is
 * acknowledged. Identity hears of it when caching guards have forgotten the user too.
 */
@Injectable()
export class IdentityConsumer extends DurableConsumer<IdentityEvent> implements OnModuleDestroy {
  constructor(@Inject(NATS) nats: NatsConnection, commands: CommandBus, guards: CachingGuards) {
    super(nats, {
      stream: IDENTITY_STREAM,
      durable: 'tokens-reactions',
      schema: identityEvent,
      inOrder: true,
      ackWaitMs: ACK_WAIT_MS,
      handle: (event) => commands.execute(reactionTo(event)),
      // A guard that does not answer delays this event's caller, and no other event.
      async done(event) {
        if (changesAnswers(event)) await guards.forget({ users: [event.userId] });
        nats.publish(identityEventApplied.subject, JSON.stringify({ eventId: event.id }));
      },
    });
  }

  onModuleDestroy(): Promise<void> {
    return this.stop();
  }
}

/** Whether verifications of the user's credentials may be answered differently from now on. */
function changesAnswers({ type }: IdentityEvent): boolean {
  return type === 'user-changed' || type === 'password-changed' || type === 'user-deleted';
}
