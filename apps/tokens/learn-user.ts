import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { learnUser, type UserChange } from './users.js';

/** Takes over what identity says of a user, where nothing else follows from it. */
export class LearnUser extends Command<void> {
  constructor(readonly change: UserChange) {
    super();
  }
}

@CommandHandler(LearnUser)
export class LearnUserHandler implements ICommandHandler<LearnUser> {
  constructor(private readonly store: EventStore) {}

  async execute({ change }: LearnUser): Promise<void> {
    await this.store.transact(async ({ sql }) => {
      await learnUser(sql, change);
    });
  }
}
