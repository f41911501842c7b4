import { Session, type SessionEvent, type SessionState } from '../session/session.js';
import { Token, type TokenEvent, type TokenState } from '../token/token.js';

/**
 * Events as logs have held them since the first version, and what they come to. Never change a line here: a log cannot be
 * changed either. A new field needs a default in `evolve`, a new shape a new type.
 */
const TOKEN_LOG: [TokenEvent, TokenState['status']][] = [
  [
    {
      type: 'token-created',
      data: { userId: 'u1', username: 'ada', description: 'd', scopes: ['rest'], expiresAt: null, secretGeneration: 1 },
    },
    'active',
  ],
  [
    { type: 'token-edited', data: { description: 'e', scopes: ['a', 'b'], expiresAt: '2026-01-01T00:00:00.000Z' } },
    'active',
  ],
  [
    {
      type: 'token-refreshed',
      data: {
        secretGeneration: 2,
        expiresAt: '2027-01-01T00:00:00.000Z',
        gracePeriodEndsAt: '2026-01-02T00:00:00.000Z',
      },
    },
    'active',
  ],
  [{ type: 'token-invalidated', data: { cause: 'user-deleted' } }, 'invalid'],
  [
    { type: 'token-reassigned', data: { userId: 'u2', username: 'grace', previousUserId: 'u1', secretGeneration: 3 } },
    'active',
  ],
  [{ type: 'token-revoked', data: { reason: null } }, 'revoked'],
  [{ type: 'token-deleted', data: {} }, 'deleted'],
  [
    {
      type: 'token-expiring',
      data: {
        userId: 'u2',
        username: 'grace',
        description: 'e',
        expiresAt: '2027-01-01T00:00:00.000Z',
        thresholdDays: 7,
      },
    },
    'deleted',
  ],
];
const SESSION_LOG: [SessionEvent, SessionState['status']][] = [
  [
    {
      type: 'session-started',
      data: { sessionId: 's1', userId: 'u1', tokenId: 't1', expiresAt: '2026-01-01T00:00:00.000Z' },
    },
    'active',
  ],
  [{ type: 'session-ended', data: { sessionId: 's1', userId: 'u1', tokenId: 't1', reason: 'token' } }, 'ended'],
];

describe('stored events', () => {
  it('of a token are read as they have always been', () => {
    let state = Token.initial;
    for (const [event, status] of TOKEN_LOG) {
      state = Token.evolve(state, event);
      expect([event.type, state.status]).toEqual([event.type, status]);
    }
    expect(state).toEqual({
      status: 'deleted',
      userId: 'u2',
      description: 'e',
      scopes: ['a', 'b'],
      expiresAt: '2027-01-01T00:00:00.000Z',
      secretGeneration: 3,
    });
  });

  it('of a session are read as they have always been', () => {
    let state = Session.initial;
    for (const [event, status] of SESSION_LOG) {
      state = Session.evolve(state, event);
      expect(state.status).toBe(status);
    }
  });

  it('of a stream without its first event fold to nothing, and throw nothing', () => {
    for (const [event] of TOKEN_LOG.slice(1)) expect(Token.evolve(Token.initial, event)).toEqual({ status: 'none' });
    expect(Session.evolve(Session.initial, SESSION_LOG[1]![0])).toEqual({ status: 'none' });
  });
});
