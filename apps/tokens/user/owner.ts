import type { Caller } from './caller.js';

/** Whose a thing must be for a caller, by id; `anyone`: an admin or the system asks. */
export type Owner = string | 'anyone';

/** Whether a thing is there for who may see `owner`'s: for everybody but an admin, all others do not exist. */
export function isOwnedBy({ userId }: { readonly userId: string }, owner: Owner): boolean {
  return owner === 'anyone' || userId === owner;
}

/** Whose a caller may see where one route serves owners and admins. */
export function ownerFor(caller: Caller): Owner {
  return caller.isAdmin ? 'anyone' : caller.id;
}
