import { text } from '@tokenlog/contracts/message.js';
import { z } from 'zod';
import { Problem } from './problem.js';

const ID = 'id:';
const NAME = 'name:';

/** Where an account name or an id may stand: either of them, or `id:…` or `name:…` for the one alone. */
export const userReference = text
  .min(1)
  .max(128 + NAME.length)
  .describe('account name or id; id:… or name:… for the one alone');

/** What a reference may mean; null: not that. */
export interface UserReference {
  readonly id: string | null;
  readonly name: string | null;
}

/** What a text may mean that stands for a user: an account name may have the form of an id. */
export function readUserReference(reference: string): UserReference {
  if (reference.startsWith(NAME)) return { id: null, name: reference.slice(NAME.length) };
  const isId = reference.startsWith(ID);
  const id = z.uuid().safeParse(isId ? reference.slice(ID.length) : reference).data ?? null;
  return { id: id?.toLowerCase() ?? null, name: isId ? null : reference };
}

/**
 * The ids of the users that a reference has found by its id or by its name. Of one name there may be several: those who were
 * deleted, and one who has it now.
 * @param field of the request that held the reference
 * @throws Problem 400 `ambiguous-user` when it is the id of one user and the name of another
 */
export function usersMeant(field: string, { id }: UserReference, found: readonly { readonly id: string }[]): string[] {
  const ids = found.map((user) => user.id);
  if (id === null || !ids.includes(id) || ids.length === 1) return ids;
  const detail = 'is the id of one user and the account name of another; write id:… or name:… before it';
  throw new Problem('ambiguous-user', `${field}: ${detail}.`, { errors: [{ field, detail }] });
}
