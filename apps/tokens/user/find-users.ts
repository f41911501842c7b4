import type { EntityManager } from '@mikro-orm/postgresql';
import { foldedParameter, foldedSql } from '@tokenlog/event-store/folded.sql.js';
import { readUserReference, usersMeant } from '@tokenlog/platform/user-reference.js';
import { User } from './user.entity.js';

const IS_NAMED = `${foldedSql('username')} = ${foldedParameter('?')}`;

/** Ids of the users that a filter names, deleted ones too. A filter that is not there narrows nothing. */
export function findUsers(em: EntityManager, field: string, reference: string): Promise<string[]>;
export function findUsers(em: EntityManager, field: string, reference: string | undefined): Promise<string[] | null>;
/** @throws Problem 400 `ambiguous-user` */
export async function findUsers(
  em: EntityManager,
  field: string,
  reference: string | undefined,
): Promise<string[] | null> {
  if (reference === undefined) return null;
  const { id, name } = readUserReference(reference);
  const users = em.createQueryBuilder(User).select('id').where({ id });
  if (name !== null) users.orWhere(IS_NAMED, [name]);
  return usersMeant(field, { id, name }, await users.execute());
}
