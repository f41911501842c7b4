import { Inject } from '@nestjs/common';
import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { moveStreamPlace, type StreamPlace } from '@tokenlog/platform/stream-reader.js';
import { CONFIG, type Config } from '../config/config.js';
import { type EventOfEpoch, react } from './reaction.js';

/**
 * Does what follows from some of identity's events, in order, and remembers how far the stream has been read, in one
 * transaction: all of it, or nothing. No user's tokens may be touched by more than one of them.
 */
export class ApplyIdentityEvents extends Command<StreamPlace> {
  constructor(
    readonly events: readonly EventOfEpoch[],
    readonly from: StreamPlace,
    readonly to: number,
  ) {
    super();
  }
}

@CommandHandler(ApplyIdentityEvents)
export class ApplyIdentityEventsHandler implements ICommandHandler<ApplyIdentityEvents> {
  constructor(
    private readonly store: EventStore,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  execute({ events, from, to }: ApplyIdentityEvents): Promise<StreamPlace> {
    return this.store.transact(async (work) => {
      // First: where another process reads now, nothing is done twice.
      const place = await moveStreamPlace(work.sql, from, to);
      await react(work, events, this.config.policy);
      return place;
    });
  }
}
