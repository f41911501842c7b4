import { MikroORM } from '@mikro-orm/postgresql';
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { Public } from '@tokenlog/auth';
import { beginEpoch } from '@tokenlog/contracts/internal/begin-epoch.js';
import { heldEvents } from '@tokenlog/contracts/internal/held-events.js';
import { USERS_PER_REPLY, type UserStanding, usersStanding } from '@tokenlog/contracts/internal/users-standing.js';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { beginEpoch as beginEpochOfLog, currentEpoch } from '@tokenlog/event-store/history.js';
import { heldEvents as heldInLog } from '@tokenlog/event-store/read.js';
import { answer } from '@tokenlog/platform/nats-transport.js';
import { factsOf } from '../user/record-user-event.js';
import { User } from '../user/user.entity.js';

/** NATS takes messages of 1 MB by default. */
const LONGEST_REPLY = 500_000;

/** The first of some users, as many as one message may hold; one at least. */
function fitting(users: readonly UserStanding[]): UserStanding[] {
  let length = 0;
  return users.filter((user, n) => {
    length += Buffer.byteLength(JSON.stringify(user));
    return n === 0 || length <= LONGEST_REPLY;
  });
}

/**
 * The token service asks what this database says now, of users and of events: either side may have been restored or wiped.
 * NATS' permissions let nobody else ask.
 */
@Public()
@Controller()
export class StandingController {
  constructor(
    private readonly orm: MikroORM,
    private readonly store: EventStore,
  ) {}

  @MessagePattern(usersStanding.subject)
  standing(@Payload() payload: unknown) {
    return answer(usersStanding, payload, async (question) => {
      // Before the users: an epoch that begins in between is found by the next question.
      const epoch = await currentEpoch(this.store.pool);
      const whose =
        'ids' in question ? { id: { $in: question.ids } } : question.after ? { id: { $gt: question.after } } : {};
      const users = await this.orm.em.fork().find(User, whose, { orderBy: { id: 'asc' }, limit: USERS_PER_REPLY });
      const told = users.map((user) => ({ id: user.id, version: user.version, facts: factsOf(user) }));
      if ('ids' in question) return { epoch, users: told, next: null };
      const page = fitting(told);
      const isLast = page.length === told.length && users.length < USERS_PER_REPLY;
      return { epoch, users: page, next: isLast ? null : (page.at(-1)?.id ?? null) };
    });
  }

  @MessagePattern(heldEvents.subject)
  held(@Payload() payload: unknown) {
    return answer(heldEvents, payload, async ({ events }) => ({
      held: [...(await heldInLog(this.store.pool, events))],
    }));
  }

  @MessagePattern(beginEpoch.subject)
  begin(@Payload() payload: unknown) {
    return answer(beginEpoch, payload, async ({ after }) => {
      const epoch = await currentEpoch(this.store.pool);
      if (epoch > after) return { epoch };
      const reason = 'the token service knew later versions of users than this database has';
      return { epoch: await beginEpochOfLog(this.store.pool, after, reason) };
    });
  }
}
