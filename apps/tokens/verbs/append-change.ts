import type { Metadata } from '@tokenlog/event-store/event.js';
import type { Work } from '@tokenlog/event-store/event-store.js';
import { endSessionsOfToken } from '../session/end-session.js';
import { secretsEndedBy } from '../token/ended-secrets.js';
import { Token, type TokenEvent } from '../token/token.js';

/** Appends what was decided of a token and, in the same transaction, ends the sessions of the secrets that end with it. */
export async function appendChange(
  work: Work,
  tokenId: string,
  events: readonly TokenEvent[],
  metadata: Metadata,
): Promise<void> {
  work.append(Token, tokenId, events, metadata);
  await endSessionsOfToken(work, tokenId, secretsEndedBy(events), metadata);
}
