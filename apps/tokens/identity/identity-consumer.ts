import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { CommandBus } from '@nestjs/cqrs';
import {
  IDENTITY_STREAM,
  type IdentityEvent,
  identityEvent,
  identityEvents,
} from '@tokenlog/contracts/identity/identity-events.js';
import { EVENTS_PER_REQUEST, heldEvents } from '@tokenlog/contracts/internal/held-events.js';
import { identityEventApplied } from '@tokenlog/contracts/internal/identity-event-applied.js';
import { Outage } from '@tokenlog/event-store/outage.js';
import { POOL } from '@tokenlog/platform/database.module.js';
import { Presence } from '@tokenlog/platform/deployment.js';
import { plainId } from '@tokenlog/platform/log-headers.js';
import { NATS } from '@tokenlog/platform/nats.js';
import { request } from '@tokenlog/platform/nats-request.js';
import {
  moveStreamPlace,
  type StreamMessage,
  type StreamPlace,
  StreamReader,
} from '@tokenlog/platform/stream-reader.js';
import type { Pool } from 'pg';
import { CachingGuards } from '../guards/caching-guards.js';
import { ApplyIdentityEvents } from './apply-identity-events.js';
import { IdentityStanding } from './identity-standing.js';
import { type EventOfEpoch, touchesTokens } from './reaction.js';

/** The name of the durable consumer of versions that left it to NATS how far they had come. */
const FORMER_CONSUMER = 'tokens-reactions';
/** How long identity is asked which events its log has, in ms: it may just be starting, after a restore of both. */
const ASK_FOR_MS = 5000;
/** PostgreSQL's codes for values that it cannot take: trying again would find the same. */
const UNUSABLE = /^22[0-9A-Z]{3}$/;

/** An event to be applied, and where it stands in the stream. */
type Due = EventOfEpoch & { readonly sequence: number };

/**
 * Reads identity's events, in order, in one process at a time, and has what follows from each committed together with how far
 * it has read. Identity hears of it when caching guards have forgotten the user too.
 */
@Injectable()
export class IdentityConsumer extends StreamReader<IdentityEvent> implements OnModuleDestroy {
  private readonly log = new Logger(IdentityConsumer.name);
  private readonly asking = new Outage('held events', this.log, 'events from before are not held against identity', {
    steadyMs: 0,
  });
  private readonly telling = new Outage('guards and identity', this.log, 'applied events are not told of', {
    steadyMs: 0,
  });
  private unansweredSince: number | null = null;

  constructor(
    @Inject(POOL) private readonly database: Pool,
    @Inject(NATS) private readonly connection: NatsConnection,
    private readonly presence: Presence,
    private readonly commands: CommandBus,
    private readonly guards: CachingGuards,
    private readonly standing: IdentityStanding,
  ) {
    super(database, connection, {
      stream: IDENTITY_STREAM,
      name: 'identity-events',
      schema: identityEvent,
      types: identityEvents.map(({ subject }) => subject.slice('identity.'.length)),
      replaces: FORMER_CONSUMER,
      begins: async () => void (await standing.compare()),
      meanwhile: () => standing.look(),
      handle: (messages, from) => this.apply(messages, from),
    });
  }

  onModuleDestroy(): Promise<void> {
    return this.stop();
  }

  private async apply(messages: readonly StreamMessage<IdentityEvent>[], from: StreamPlace): Promise<StreamPlace> {
    let place = from;
    for (const part of partsOf(await this.ofThisHistory(messages))) {
      place = await this.applyPart(part, place);
      this.tell(part.map(({ event }) => event)).then(
        () => this.telling.worked(),
        (error) => this.telling.failed(error),
      );
    }
    return place;
  }

  private async applyPart(part: readonly Due[], from: StreamPlace): Promise<StreamPlace> {
    const to = part.at(-1)?.sequence ?? from.sequence;
    try {
      return await this.commands.execute(new ApplyIdentityEvents(part, from, to));
    } catch (error) {
      if (!UNUSABLE.test((error as { code?: string }).code ?? '')) throw error;
      if (part.length === 1) {
        this.log.error(
          `identity event ${part[0]?.event.id} is left out, it will never do: ${(error as Error).message}`,
        );
        return moveStreamPlace(this.database, from, to);
      }
      let place = from;
      for (const due of part) place = await this.applyPart([due], place);
      return place;
    }
  }

  /**
   * Those that are this deployment's and of what its database is now: a stream may hold events of another deployment, and of
   * a history that a restored database does not have. An event of an earlier epoch counts where identity has it all the same.
   */
  private async ofThisHistory(messages: readonly StreamMessage<IdentityEvent>[]): Promise<Due[]> {
    const latest = Math.max(...messages.map(({ provenance }) => provenance.epoch));
    if (latest > (await this.standing.epoch())) await this.standing.compare();
    const known = await this.standing.epoch();
    if (latest > known) throw new Error('identity does not say yet what its log is now');
    const self = plainId(this.presence.self.id);
    const own = messages.filter(({ provenance: { deployment } }) => (deployment ?? self) === self);
    // Without a reference no publisher wrote it. What was there when reading began may be from before a restore.
    const isDoubtful = ({ provenance: { epoch, event }, fromBefore }: StreamMessage<IdentityEvent>) =>
      event !== null && (epoch < known || fromBefore);
    const held = await this.held(own.filter(isDoubtful), known);
    return own
      .filter((message) => !isDoubtful(message) || held.has(message.message.id))
      .map(({ message: event, sequence, provenance: { epoch } }) => ({ event, sequence, epoch }));
  }

  /** Which of them identity's log has. Where identity does not answer for a while, those of the epoch that is known count. */
  private async held(messages: readonly StreamMessage<IdentityEvent>[], known: number): Promise<ReadonlySet<string>> {
    const events = messages.flatMap(({ provenance: { event } }) => event ?? []);
    const held = new Set<string>();
    try {
      for (let from = 0; from < events.length; from += EVENTS_PER_REQUEST) {
        const asked = { events: events.slice(from, from + EVENTS_PER_REQUEST) };
        for (const id of (await request(this.connection, heldEvents, asked)).held) held.add(id);
      }
      this.unansweredSince = null;
      this.asking.worked();
      return held;
    } catch (error) {
      this.unansweredSince ??= performance.now();
      if (performance.now() - this.unansweredSince < ASK_FOR_MS) throw error;
      this.asking.failed(new Error('it does not answer; those of the epoch that is known here are applied'));
      return new Set(messages.filter(({ provenance: { epoch } }) => epoch === known).map(({ message: { id } }) => id));
    }
  }

  /** Not waited for: a guard that does not answer delays these events' callers, and no other event. */
  private async tell(events: readonly IdentityEvent[]): Promise<void> {
    const users = [...new Set(events.filter(changesAnswers).map(({ userId }) => userId))];
    if (users.length > 0) await this.guards.forget({ users });
    for (const { id: eventId } of events) {
      this.connection.publish(identityEventApplied.subject, JSON.stringify({ eventId }));
    }
  }
}

/**
 * What one transaction may apply: each decides on what stands in the log, so the tokens and sessions of a user are touched by
 * one event of a part.
 */
function partsOf(events: readonly Due[]): Due[][] {
  const parts: Due[][] = [];
  let touched = new Set<string>();
  for (const due of events) {
    const { userId } = due.event;
    if (parts.length === 0 || (touchesTokens(due.event) && touched.has(userId))) {
      parts.push([]);
      touched = new Set();
    }
    if (touchesTokens(due.event)) touched.add(userId);
    parts.at(-1)?.push(due);
  }
  return parts;
}

/** Whether verifications of the user's credentials may be answered differently from now on. */
function changesAnswers({ type }: IdentityEvent): boolean {
  return type === 'user-changed' || type === 'password-changed' || type === 'user-deleted';
}
