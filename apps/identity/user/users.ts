import { type EntityManager, LockMode, MikroORM } from '@mikro-orm/postgresql';
import { Injectable } from '@nestjs/common';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { foldedParameter, foldedSql } from '@tokenlog/event-store/folded.sql.js';
import { sqlOf } from '@tokenlog/platform/database.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { User } from './user.entity.js';

/** A condition: the account name is that of the parameter, as names are compared. */
export const IS_NAMED = `${foldedSql('username')} = ${foldedParameter('?')}`;

/** Reads users, and changes them in transactions that also append to the log. */
@Injectable()
export class Users {
  constructor(
    private readonly orm: MikroORM,
    private readonly store: EventStore,
  ) {}

  /** @throws Problem 404 `user-not-found` */
  async get(id: string): Promise<User> {
    return (await this.find(id)) ?? notFound();
  }

  find(id: string): Promise<User | null> {
    return this.orm.em.fork().findOne(User, { id });
  }

  findByUsername(username: string): Promise<User | null> {
    const em = this.orm.em.fork();
    return em.createQueryBuilder(User).where(IS_NAMED, [username]).getSingleResult();
  }

  /** Runs work in one transaction and wakes the publisher when it has committed. */
  async transact<Result>(work: (em: EntityManager) => Promise<Result>): Promise<Result> {
    const result = await this.orm.em.fork().transactional((em) => work(em as EntityManager));
    this.store.appended();
    return result;
  }
}

/**
 * Reads a user and keeps others from changing it until the transaction ends.
 * @throws Problem 404 `user-not-found`
 */
export async function lockUser(em: EntityManager, id: string): Promise<User> {
  return (await em.findOne(User, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE })) ?? notFound();
}

/**
 * Waits for whatever else may take an admin away, until the transaction ends. To be called before `lockUser`, by all alike,
 * so that none waits for another in a circle.
 */
export async function lockAdmins(em: EntityManager): Promise<void> {
  await sqlOf(em).query(`SELECT pg_advisory_xact_lock(hashtextextended('identity.admins', 0))`);
}

/** How many enabled admins there are beside this user. */
export function countOtherAdmins(em: EntityManager, user: User): Promise<number> {
  return em.count(User, { id: { $ne: user.id }, disabled: false, roles: { $contains: ['admin'] } });
}

function notFound(): never {
  throw new Problem('user-not-found', 'There is no such user.');
}
