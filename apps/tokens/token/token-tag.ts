import type { Work } from '@tokenlog/event-store/event-store.js';
import type { Head } from '@tokenlog/event-store/read.js';
import { entityTag, type IfMatch } from '@tokenlog/platform/if-match.js';
import type { Owner } from '../user/owner.js';
import { askedToken, type IssuedToken, Token, type TokenState } from './token.js';

/** So much of an event's id tells two histories of a token apart, where one goes on from a back-up. */
const TAIL_LENGTH = 8;

/** The entity tag of a token whose stream ends there. Uses, sessions and the time move it not: see decision 24. */
export function tokenTag({ version, eventId }: Head): string {
  return entityTag(`${version}.${eventId?.slice(-TAIL_LENGTH) ?? ''}`);
}

/** What a command says of the token that it is about. */
export interface AboutToken {
  readonly tokenId: string;
  readonly owner: Owner;
  readonly ifMatch: IfMatch;
}

/**
 * The token that a command is about, as its transaction loaded it: there, its caller's, and as the caller has seen it. Another
 * event that comes before the command's own takes the decision back.
 * @throws Problem of `askedToken`; 412 `precondition-failed`
 */
export function matchingToken(work: Work, state: TokenState, { tokenId, owner, ifMatch }: AboutToken): IssuedToken {
  const token = askedToken(state, owner);
  ifMatch.assertHolds(tokenTag(work.headOf(Token, tokenId)));
  return token;
}
