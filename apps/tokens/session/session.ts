import type { SessionEndReason } from '@tokenlog/contracts/tokens/session-ended.js';
import type { Aggregate } from '@tokenlog/event-store/event.js';

/** The events of one session. Type names and fields are storage formats, as in `token.ts`. */
export type SessionEvent =
  | {
      type: 'session-started';
      data: {
        sessionId: string;
        userId: string;
        tokenId: string | null;
        expiresAt: string;
        /** Of the secret that was proved; logs from before it lack it. */
        secretGeneration?: number | null;
        /** Of a session that a password started: the version of the user, and of which epoch; older logs lack them. */
        userVersion?: number;
        userEpoch?: number;
      };
    }
  | {
      type: 'session-ended';
      data: { sessionId: string; userId: string; tokenId: string | null; reason: SessionEndReason };
    };

/** What a session is, by its log. */
export type SessionState =
  | { readonly status: 'none' }
  | {
      readonly status: 'active' | 'ended';
      readonly id: string;
      readonly userId: string;
      readonly tokenId: string | null;
    };

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

/** Ends a session; one that has ended stays as it is. */
export function endSession(state: SessionState, reason: SessionEndReason): SessionEvent[] {
  if (state.status !== 'active') return [];
  const { id, userId, tokenId } = state;
  return [{ type: 'session-ended', data: { sessionId: id, userId, tokenId, reason } }];
}

/** What the events of a session are about: its token, so that they stand in the token's history, or itself. */
export function entityOfSession(sessionId: string, tokenId: string | null): string {
  return tokenId ?? sessionId;
}
