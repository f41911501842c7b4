import { Problem } from '@tokenlog/platform/problem.js';
import { endSession } from './end-session.js';
import { askedSession, Session, type SessionEvent, type SessionState } from './session.js';
import { type StartingFacts, StartSession, startSession } from './start-session.js';

const NOW = new Date('2026-11-02T09:00:00.000Z');
const inHours = (hours: number) => new Date(NOW.getTime() + hours * 3_600_000);
const about = { sessionId: 'the session', userId: 'ada', tokenId: 'the token' };
const started: SessionEvent = {
  type: 'session-started',
  data: { ...about, expiresAt: inHours(12).toISOString(), secretGeneration: 1 },
};
const ended = (reason: Extract<SessionEvent, { type: 'session-ended' }>['data']['reason']): SessionEvent => ({
  type: 'session-ended',
  data: { ...about, reason },
});

/** Given: what the log holds of the session. */
const GIVEN = {
  'no session': [],
  'an active session': [started],
  'an ended session': [started, ended('logout')],
} satisfies Record<string, SessionEvent[]>;
type Status = keyof typeof GIVEN;

/** When. */
const VERBS = {
  'ended by its user': (state: SessionState) => endSession(askedSession(state, 'ada'), 'ended'),
  'ended by somebody else': (state: SessionState) => endSession(askedSession(state, 'grace'), 'ended'),
  'ended by an admin': (state: SessionState) => endSession(askedSession(state, 'anyone'), 'ended'),
  'ended with its token': (state: SessionState) => endSession(state, 'token'),
  'ended with its user': (state: SessionState) => endSession(state, 'user-deleted'),
};
type Verb = keyof typeof VERBS;

/** Then: the events that are decided, or the code of the problem that is answered. A cell that is missing does not compile. */
const THEN: Record<Verb, Record<Status, readonly SessionEvent[] | string>> = {
  'ended by its user': {
    'no session': 'session-not-found',
    'an active session': [ended('ended')],
    'an ended session': [],
  },
  'ended by somebody else': {
    'no session': 'session-not-found',
    'an active session': 'session-not-found',
    'an ended session': 'session-not-found',
  },
  'ended by an admin': {
    'no session': 'session-not-found',
    'an active session': [ended('ended')],
    'an ended session': [],
  },
  'ended with its token': {
    'no session': [],
    'an active session': [ended('token')],
    'an ended session': [],
  },
  'ended with its user': {
    'no session': [],
    'an active session': [ended('user-deleted')],
    'an ended session': [],
  },
};

/** What a decision comes to: its events, or the code of its problem. */
const outcomeOf = <Outcome>(decide: () => Outcome) => {
  try {
    return decide();
  } catch (error) {
    if (error instanceof Problem) return error.code;
    throw error;
  }
};
const words = (outcome: readonly SessionEvent[] | string | undefined) => {
  if (outcome === undefined) return 'nobody has said what';
  if (typeof outcome === 'string') return `refused: ${outcome}`;
  return outcome.map(({ type }) => type).join(', ') || 'nothing';
};

describe.each(Object.entries(VERBS))('a session %s', (verb, decide) => {
  const cells = (Object.keys(GIVEN) as Status[]).map((status) => ({ status, outcome: THEN[verb as Verb][status] }));

  it.each(cells.map((cell) => ({ ...cell, words: words(cell.outcome) })))('$status: $words', ({ status, outcome }) => {
    const given: readonly SessionEvent[] = GIVEN[status];
    expect(outcomeOf(() => decide(given.reduce(Session.evolve, Session.initial)))).toEqual(outcome);
  });
});

describe('a session that is to start', () => {
  const user = { id: 'ada', username: 'ada', disabled: false };
  const token = { status: 'active', secretGeneration: 2, isInGrace: false, expiresAt: null };
  const byToken = (generation: number) => new StartSession({ with: 'token', tokenId: 'the token', generation }, null);
  const byPassword = new StartSession({ with: 'password', userId: 'ada', userVersion: 3, userEpoch: 1 }, null);
  const facts = (found: Partial<StartingFacts>): StartingFacts => {
    return { sessionId: 'the session', user, token, lifetimeHours: 12, nowMs: NOW.getTime(), ...found };
  };
  const outcome = (command: StartSession, found: Partial<StartingFacts>) =>
    outcomeOf(() => startSession(command, facts(found)));

  const STARTS: Record<string, [command: StartSession, found: Partial<StartingFacts>, outcome: object | string]> = {
    'by a password: with the version of its user': [
      byPassword,
      { token: null },
      { tokenId: null, secretGeneration: null, userVersion: 3, userEpoch: 1, expiresAt: inHours(12).toISOString() },
    ],
    'by the secret of a token: on that token': [
      byToken(2),
      {},
      { tokenId: 'the token', secretGeneration: 2, expiresAt: inHours(12).toISOString() },
    ],
    'by a replaced secret in its grace period: on that secret': [
      byToken(1),
      { token: { ...token, isInGrace: true } },
      { tokenId: 'the token', secretGeneration: 1, expiresAt: inHours(12).toISOString() },
    ],
    'S28 of a token that ends before: until then': [
      byToken(2),
      { token: { ...token, expiresAt: inHours(1) } },
      { tokenId: 'the token', secretGeneration: 2, expiresAt: inHours(1).toISOString() },
    ],
    'S28 of a token that ends later: as long as sessions last': [
      byToken(2),
      { token: { ...token, expiresAt: inHours(13) } },
      { tokenId: 'the token', secretGeneration: 2, expiresAt: inHours(12).toISOString() },
    ],
    'by a replaced secret: refused': [byToken(1), {}, 'not-active'],
    'of a token that is revoked: refused': [byToken(2), { token: { ...token, status: 'revoked' } }, 'not-active'],
    'of a token that is invalid: refused': [byToken(2), { token: { ...token, status: 'invalid' } }, 'not-active'],
    'of a token that is deleted: refused': [byToken(2), { token: { ...token, status: 'deleted' } }, 'not-active'],
    'of no token: refused': [byToken(2), { user: null, token: null }, 'not-active'],
    'of no user: refused': [byPassword, { user: null, token: null }, 'not-active'],
    'of a user who is disabled, by a password: refused': [
      byPassword,
      { user: { ...user, disabled: true }, token: null },
      'user-disabled',
    ],
    'of a user who is disabled, by a token: refused': [
      byToken(2),
      { user: { ...user, disabled: true } },
      'user-disabled',
    ],
  };

  it.each(Object.entries(STARTS))('%s', (_, [command, found, expected]) => {
    const event = { type: 'session-started', data: { sessionId: 'the session', userId: 'ada', ...Object(expected) } };
    expect(outcome(command, found)).toEqual(typeof expected === 'string' ? expected : event);
  });
});
