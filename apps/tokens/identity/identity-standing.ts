import type { NatsConnection } from '@nats-io/transport-node';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { beginEpoch } from '@tokenlog/contracts/internal/begin-epoch.js';
import { USERS_PER_QUESTION, type UserStanding, usersStanding } from '@tokenlog/contracts/internal/users-standing.js';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import { NATS } from '@tokenlog/platform/nats.js';
import { request } from '@tokenlog/platform/nats-request.js';
import { CachingGuards } from '../guards/caching-guards.js';
import { learnUsers } from '../session/learn-users.js';
import type { UnknownUsers } from '../user/unknown-users.js';
import { invalidateTokensWhenUserDeleted } from './invalidate-tokens-when-user-deleted.js';

const bySystem = { by: { kind: 'system' as const } };
const FIRST_ID = '00000000-0000-0000-0000-000000000000';
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
/** How often identity is asked whether its log is another one than before: it may have been restored. */
const LOOK_EVERY_MS = 2000;

/** What this service knows of a user, as far as it is compared. */
interface KnownStanding {
  readonly id: string;
  readonly username: string;
  readonly epoch: number;
  readonly version: number;
  readonly deleted: boolean;
}

/**
 * Holds what this service knows of users against what identity's database says of them now. Events tell all that happens;
 * this is for when either database was restored, copied or wiped, and so for every start: the later history holds, and what
 * is set right is said.
 */
@Injectable()
export class IdentityStanding implements UnknownUsers {
  private readonly logger = new Logger('Users');
  private lookedAt = Number.NEGATIVE_INFINITY;
  private comparing: Promise<boolean> | undefined;

  constructor(
    private readonly store: EventStore,
    private readonly guards: CachingGuards,
    @Inject(NATS) private readonly nats: NatsConnection,
  ) {}

  /** Which epoch of identity's log is known here; 0: none yet. */
  async epoch(): Promise<number> {
    return readIdentityEpoch(this.store.pool);
  }

  /** Compares everybody. @returns false where identity does not answer, or is of a version that cannot be asked */
  compare(): Promise<boolean> {
    this.comparing ??= this.compareAll().finally(() => {
      this.comparing = undefined;
    });
    return this.comparing;
  }

  /** Compares when identity's log has become another one, and as long as it has never been asked. */
  async look(): Promise<void> {
    if (performance.now() - this.lookedAt < LOOK_EVERY_MS) return;
    this.lookedAt = performance.now();
    const reply = await this.ask({ ids: [] });
    if (reply && reply.epoch !== (await this.epoch())) await this.compare();
  }

  async meet(userId: string): Promise<void> {
    const { rows } = await this.store.pool.query('SELECT 1 FROM users WHERE id = $1', [userId]);
    if (rows.length > 0) return;
    const reply = await this.ask({ ids: [userId] });
    if (reply) await this.take(reply.users, reply.epoch);
  }

  private async compareAll(): Promise<boolean> {
    const count = { changed: 0, gone: 0 };
    let after: string | null = null;
    let epoch = 0;
    do {
      const page = await this.ask({ after });
      if (!page) return false;
      if (page.epoch !== epoch && after !== null) return this.compareAll();
      epoch = page.epoch;
      const to = page.next ?? LAST_ID;
      const known = await this.known('id > $1 AND id <= $2', [after ?? FIRST_ID, to]);
      const ahead = await this.confirmed(known, page.users, epoch);
      if (ahead === null) return false;
      if (ahead.later.length > 0) {
        this.logger.warn(
          `identity's database has earlier versions of ${ahead.later.length} users than are known here: it was restored; ` +
            'what it says now holds',
        );
        const begun = await request(this.nats, beginEpoch, { after: epoch }).catch(() => null);
        return begun ? this.compareAll() : false;
      }
      count.changed += await this.take(page.users, epoch);
      for (const user of ahead.missing) if (await this.forget(user, epoch)) count.gone++;
      after = page.next;
    } while (after !== null);
    await this.store.pool.query('UPDATE identity_epoch SET epoch = $1 WHERE epoch < $1', [epoch]);
    if (count.changed + count.gone > 0) {
      this.logger.log(
        `compared with identity: ${count.changed} users taken over, ${count.gone} are not there (any more)`,
      );
    }
    return true;
  }

  /**
   * Of those who are known here: who is missing at identity, and who is known in a later version of the same history than
   * identity has. Asked again by their ids, after they were read here: an event may have overtaken the first answer.
   */
  private async confirmed(known: readonly KnownStanding[], said: readonly UserStanding[], epoch: number) {
    const strange = (of: readonly UserStanding[]) => {
      const byId = new Map(of.map((user) => [user.id, user]));
      const missing = known.filter(({ id, deleted }) => !deleted && !byId.has(id));
      const later = known.filter(
        (user) => user.epoch >= epoch && user.version > (byId.get(user.id)?.version ?? user.version),
      );
      return { missing, later };
    };
    const first = strange(said);
    const ids = [...first.missing, ...first.later].map(({ id }) => id);
    if (ids.length === 0) return first;
    const again: UserStanding[] = [];
    for (let from = 0; from < ids.length; from += USERS_PER_QUESTION) {
      const reply = await this.ask({ ids: ids.slice(from, from + USERS_PER_QUESTION) });
      if (!reply) return null;
      again.push(...reply.users);
    }
    const asked = new Set(ids);
    return strange([...said.filter(({ id }) => !asked.has(id)), ...again]);
  }

  private async known(condition: string, values: unknown[]): Promise<KnownStanding[]> {
    const { rows } = await this.store.pool.query<KnownStanding>(
      `SELECT id, username, epoch::float8, version, deleted FROM users WHERE ${condition}`,
      values,
    );
    return rows;
  }

  /** @returns how many of them were news */
  private async take(users: readonly UserStanding[], epoch: number): Promise<number> {
    const news = await this.store.transact(async (work) => {
      const told = users.map(({ id: userId, version, facts }) => ({
        userId,
        epoch,
        version,
        facts,
        metadata: bySystem,
      }));
      return (await learnUsers(work, told)).map(({ userId }) => userId);
    });
    if (news.length > 0) await this.guards.forget({ users: news });
    return news.length;
  }

  private async forget(
    { id: userId, username, epoch: known, version }: KnownStanding,
    epoch: number,
  ): Promise<boolean> {
    // Later than all that is known, in the same history too: that it is gone was not to be heard.
    const place = { epoch: Math.max(epoch, known), version: version + 1 };
    const gone = { userId, deletedUsername: username, ...place, metadata: bySystem };
    const isNews = await this.store.transact(async (work) => {
      const news = await learnUsers(work, [gone]);
      await invalidateTokensWhenUserDeleted(work, news);
      return news.length > 0;
    });
    if (isNews) {
      this.logger.warn(`user ${userId} is not known to identity: its tokens are invalid, its sessions have ended`);
      await this.guards.forget({ users: [userId] });
    }
    return isNews;
  }

  private async ask(question: Parameters<typeof request<typeof usersStanding.request, typeof usersStanding.reply>>[2]) {
    try {
      return await request(this.nats, usersStanding, question);
    } catch {
      // It is away, or of a version that does not know the question: it is asked again, see `look`.
      return null;
    }
  }
}

/** Which epoch of identity's log is known here; 0: none yet. */
export async function readIdentityEpoch(sql: Sql): Promise<number> {
  const { rows } = await sql.query<{ epoch: number }>('SELECT epoch::float8 FROM identity_epoch');
  return rows[0]?.epoch ?? 0;
}
