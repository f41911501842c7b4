import type { Work } from '@tokenlog/event-store/event-store.js';
import type { Head } from '@tokenlog/event-store/read.js';
import { entityTag, type IfMatch } from '@tokenlog/platform/if-match.js';
import { Token } from './token.js';

/** So much of an event's id tells two histories of a token apart, where one goes on from a back-up. */
const TAIL_LENGTH = 8;

/** The entity tag of a token whose stream ends there. Uses, sessions and the time move it not: see decision 24. */
export function tokenTag({ version, eventId }: Head): string {
  return entityTag(`${version}.${eventId?.slice(-TAIL_LENGTH) ?? ''}`);
}

/**
 * Holds what a request says of a token against the state that is decided on: another event that comes before its own takes
 * the decision back.
 * @throws Problem 412 `precondition-failed`
 */
export function assertTokenMatches(work: Work, tokenId: string, ifMatch: IfMatch): void {
  ifMatch.assertHolds(tokenTag(work.headOf(Token, tokenId)));
}
