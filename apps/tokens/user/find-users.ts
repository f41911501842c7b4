import { foldedParameter, foldedSql } from '@tokenlog/event-store/folded.sql.js';
import type { Sql } from '@tokenlog/event-store/sql.js';
import { readUserReference, usersMeant } from '@tokenlog/platform/user-reference.js';

/** Ids of the users that a filter names, deleted ones too. A filter that is not there narrows nothing. */
export function findUsers(sql: Sql, field: string, reference: string): Promise<string[]>;
export function findUsers(sql: Sql, field: string, reference: string | undefined): Promise<string[] | null>;
/** @throws Problem 400 `ambiguous-user` */
export async function findUsers(sql: Sql, field: string, reference: string | undefined): Promise<string[] | null> {
  if (reference === undefined) return null;
  const { id, name } = readUserReference(reference);
  const { rows } = await sql.query<{ id: string }>(
    `SELECT id FROM users WHERE id = $1::uuid OR ${foldedSql('username')} = ${foldedParameter('$2')}`,
    [id, name],
  );
  return usersMeant(field, { id, name }, rows);
}
