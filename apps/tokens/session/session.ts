import type { StoredEvent } from '@tokenlog/contracts/message.js';
import type { sessionEnded } from '@tokenlog/contracts/tokens/session-ended.js';
import type { sessionStarted } from '@tokenlog/contracts/tokens/session-started.js';
import type { Aggregate } from '@tokenlog/event-store/event.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { isOwnedBy, type Owner } from '../user/owner.js';

/** The events of one session, as the log holds them: storage formats, as those of tokens are. */
export type SessionEvent = StoredEvent<typeof sessionStarted | typeof sessionEnded>;

/** A session that began, whatever has become of it since. */
export interface BegunSession {
  readonly status: 'active' | 'ended';
  readonly id: string;
  readonly userId: string;
  readonly tokenId: string | null;
}

/** What a session is, by its log. That its time has run out is not an event. */
export type SessionState = { readonly status: 'none' } | BegunSession;

export const Session: Aggregate<SessionState, SessionEvent> = {
  stream: (id) => `session-${id}`,
  initial: { status: 'none' },
  evolve(state, event) {
    switch (event.type) {
      case 'session-started': {
        const { sessionId, userId, tokenId } = event.data;
        return { status: 'active', id: sessionId, userId, tokenId };
      }
      case 'session-ended':
        return state.status === 'none' ? state : { ...state, status: 'ended' };
      default:
        event satisfies never;
        // Of a version to come: what it says of this is not known here.
        return state;
    }
  },
};

/** The session that somebody asks about, or the problem 404 `session-not-found`. */
export function askedSession(state: SessionState, owner: Owner): BegunSession {
  if (state.status !== 'none' && isOwnedBy(state, owner)) return state;
  throw new Problem('session-not-found', 'There is no such session, or it is not yours.');
}

/** What the events of a session are about: its token, so that they stand in the token's history, or itself. */
export function entityOfSession(sessionId: string, tokenId: string | null): string {
  return tokenId ?? sessionId;
}
