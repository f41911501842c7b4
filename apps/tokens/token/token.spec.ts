import { Problem } from '@tokenlog/platform/problem.js';
import { policyOf, policyVariables } from '../config/policy.js';
import { warnOfExpiry } from '../expiry/warn-of-expiry.js';
import { invalidateToken } from '../identity/invalidate-tokens-when-user-deleted.js';
import type { Caller } from '../user/caller.js';
import type { KnownUser } from '../user/users.js';
import { CreateToken, createToken } from '../verbs/create-token.js';
import { deleteToken } from '../verbs/delete-token.js';
import { EditToken, editToken } from '../verbs/edit-token.js';
import { reassignToken } from '../verbs/reassign-token.js';
import { RefreshToken, refreshToken } from '../verbs/refresh-token.js';
import { revokeToken } from '../verbs/revoke-token.js';
import type { IssuingFacts } from './issuing-rules.js';
import { Token, type TokenEvent, type TokenState } from './token.js';

const DAY_MS = 86_400_000;
const NOW = new Date('2026-11-02T09:00:00.000Z');
const inDays = (days: number) => new Date(NOW.getTime() + days * DAY_MS).toISOString();
const policy = policyOf(
  Object.fromEntries(Object.entries(policyVariables).map(([name, schema]) => [name, schema.parse(undefined)])) as never,
);

const user = (username: string): KnownUser => ({
  id: `id of ${username}`,
  username,
  kind: 'person',
  roles: [],
  disabled: false,
  hasPassword: true,
  mustChangePassword: false,
  hasLoggedIn: true,
  version: 1,
  deleted: false,
});
const [ada, grace] = [user('ada'), user('grace')];
const adas: Caller = {
  id: ada.id,
  username: ada.username,
  isAdmin: false,
  credential: { kind: 'session', id: 'a session' },
  scopes: null,
  secretGeneration: null,
  ip: null,
};
const facts = (owner: KnownUser): IssuingFacts => ({ owner, liveTokens: 0, policy, now: NOW });

const created = (expiresAt: string | null): TokenEvent => ({
  type: 'token-created',
  data: { userId: ada.id, username: 'ada', description: 'export', scopes: ['rest'], expiresAt, secretGeneration: 1 },
});
const edited = (description: string, expiresAt: string | null): TokenEvent => ({
  type: 'token-edited',
  data: { description, scopes: ['rest'], expiresAt },
});
const refreshed = (expiresAt: string | null): TokenEvent => ({
  type: 'token-refreshed',
  data: { secretGeneration: 2, expiresAt, gracePeriodEndsAt: null, gracePeriodsKept: true },
});
const reassigned: TokenEvent = {
  type: 'token-reassigned',
  data: { userId: grace.id, username: 'grace', previousUserId: ada.id, secretGeneration: 2 },
};
const revoked = (reason: string | null): TokenEvent => ({ type: 'token-revoked', data: { reason } });
const invalidated: TokenEvent = { type: 'token-invalidated', data: { cause: 'user-deleted' } };
const deleted: TokenEvent = { type: 'token-deleted', data: {} };
const expiring: TokenEvent = {
  type: 'token-expiring',
  data: { userId: ada.id, username: 'ada', description: 'export', expiresAt: inDays(5), thresholdDays: 7 },
};

/** Given: what the log holds of the token. Each is one that a token can be in; that its time has run out is no event. */
const GIVEN = {
  'no token': [],
  'an active token': [created(inDays(5))],
  'an expired token': [created(inDays(-1))],
  'a revoked token': [created(inDays(5)), revoked(null)],
  'an invalid token': [created(inDays(5)), invalidated],
  'a deleted token': [created(inDays(5)), revoked(null), deleted],
} satisfies Record<string, TokenEvent[]>;
type Status = keyof typeof GIVEN;

/** When: what its owner asks of it, … */
const ASKED = {
  'edited in its description': (state: TokenState) =>
    editToken(new EditToken(adas, 'id', ada.id, { description: 'report' }), state, facts(ada)),
  'edited to last longer': (state: TokenState) =>
    editToken(new EditToken(adas, 'id', ada.id, { expiresAt: inDays(9) }), state, facts(ada)),
  'edited to what it is': (state: TokenState) =>
    editToken(new EditToken(adas, 'id', ada.id, { description: 'export' }), state, facts(ada)),
  refreshed: (state: TokenState) => refreshToken(new RefreshToken(adas, 'id', ada.id, {}), state, facts(ada)),
  'refreshed with a new expiry': (state: TokenState) =>
    refreshToken(new RefreshToken(adas, 'id', ada.id, { expiresAt: inDays(9) }), state, facts(ada)),
  revoked: (state: TokenState) => revokeToken(state, 'laptop lost'),
  'reassigned to another user': (state: TokenState) => reassignToken(state, facts(grace)),
  'reassigned to its own user': (state: TokenState) => reassignToken(state, facts(ada)),
  deleted: (state: TokenState) => deleteToken(state),
};
const expiryOf = (state: TokenState) => (state.status === 'none' ? null : state.expiresAt) ?? inDays(5);
/** … and what happens to it. */
const BEFALLEN = {
  'whose user is deleted': (state: TokenState) => invalidateToken(state),
  'of which a warning is due': (state: TokenState) =>
    warnOfExpiry(state, {
      expiry: { expiresAt: new Date(expiryOf(state)), setAt: new Date(inDays(-30)), warnedDays: null },
      owner: ada,
      thresholds: [30, 7, 1],
      now: NOW,
    }),
};
type Verb = keyof typeof ASKED | keyof typeof BEFALLEN;

/** Then: the events that are decided, or the code of the problem that is answered. A cell that is missing does not compile. */
const THEN: Record<Verb, Record<Status, readonly TokenEvent[] | string>> = {
  'edited in its description': {
    'no token': 'token-not-found',
    'an active token': [edited('report', inDays(5))],
    'an expired token': [edited('report', inDays(-1))],
    'a revoked token': 'token-revoked',
    'an invalid token': 'token-invalid',
    'a deleted token': 'token-not-found',
  },
  'edited to last longer': {
    'no token': 'token-not-found',
    'an active token': [edited('export', inDays(9))],
    'an expired token': [edited('export', inDays(9))],
    'a revoked token': 'token-revoked',
    'an invalid token': 'token-invalid',
    'a deleted token': 'token-not-found',
  },
  'edited to what it is': {
    'no token': 'token-not-found',
    'an active token': [],
    'an expired token': [],
    'a revoked token': 'token-revoked',
    'an invalid token': 'token-invalid',
    'a deleted token': 'token-not-found',
  },
  refreshed: {
    'no token': 'token-not-found',
    'an active token': [refreshed(inDays(5))],
    'an expired token': 'expiry-needed',
    'a revoked token': 'token-revoked',
    'an invalid token': 'token-invalid',
    'a deleted token': 'token-not-found',
  },
  'refreshed with a new expiry': {
    'no token': 'token-not-found',
    'an active token': [refreshed(inDays(9))],
    'an expired token': [refreshed(inDays(9))],
    'a revoked token': 'token-revoked',
    'an invalid token': 'token-invalid',
    'a deleted token': 'token-not-found',
  },
  revoked: {
    'no token': 'token-not-found',
    'an active token': [revoked('laptop lost')],
    'an expired token': [revoked('laptop lost')],
    'a revoked token': [],
    'an invalid token': [revoked('laptop lost')],
    'a deleted token': 'token-not-found',
  },
  'reassigned to another user': {
    'no token': 'token-not-found',
    'an active token': [reassigned],
    'an expired token': [reassigned],
    'a revoked token': 'token-revoked',
    'an invalid token': [reassigned],
    'a deleted token': 'token-not-found',
  },
  'reassigned to its own user': {
    'no token': 'token-not-found',
    'an active token': 'same-user',
    'an expired token': 'same-user',
    'a revoked token': 'token-revoked',
    'an invalid token': 'same-user',
    'a deleted token': 'token-not-found',
  },
  deleted: {
    'no token': 'token-not-found',
    'an active token': [revoked(null), deleted],
    'an expired token': [revoked(null), deleted],
    'a revoked token': [deleted],
    'an invalid token': [deleted],
    'a deleted token': 'token-not-found',
  },
  'whose user is deleted': {
    'no token': [],
    'an active token': [invalidated],
    'an expired token': [invalidated],
    'a revoked token': [],
    'an invalid token': [],
    'a deleted token': [],
  },
  'of which a warning is due': {
    'no token': [],
    'an active token': [expiring],
    'an expired token': [],
    'a revoked token': [],
    'an invalid token': [],
    'a deleted token': [],
  },
};

const statuses = Object.keys(GIVEN) as Status[];
const stateOf = (events: readonly TokenEvent[]) => events.reduce(Token.evolve, Token.initial);
/** What a decision comes to: its events, or the code of its problem. */
const outcomeOf = (decide: () => readonly TokenEvent[]) => {
  try {
    return decide();
  } catch (error) {
    if (error instanceof Problem) return error.code;
    throw error;
  }
};
const words = (outcome: readonly TokenEvent[] | string | undefined) => {
  if (outcome === undefined) return 'nobody has said what';
  if (typeof outcome === 'string') return `refused: ${outcome}`;
  return outcome.map(({ type }) => type).join(', ') || 'nothing';
};

describe.each(Object.entries({ ...ASKED, ...BEFALLEN }))('a token %s', (verb, decide) => {
  const cells = statuses.map((status) => ({ status, outcome: THEN[verb as Verb][status] }));

  it.each(cells.map((cell) => ({ ...cell, words: words(cell.outcome) })))('$status: $words', ({ status, outcome }) => {
    expect(outcomeOf(() => decide(stateOf(GIVEN[status])))).toEqual(outcome);
  });
});

describe('a token that is created', () => {
  it('is active, with its first secret and what was asked for', () => {
    const command = new CreateToken(adas, {
      userId: ada.id,
      description: 'export',
      scopes: ['rest'],
      expiresAt: inDays(5),
    });
    expect(createToken(command, facts(ada))).toEqual([created(inDays(5))]);
  });
});
