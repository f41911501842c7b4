import { Problem } from '@tokenlog/platform/problem.js';
import { policyOf, policyVariables } from '../config/policy.js';
import { warnOfExpiry } from '../expiry/warn-of-expiry.js';
import { invalidateToken } from '../identity/invalidate-tokens-when-user-deleted.js';
import { revokeWithPassword } from '../identity/revoke-tokens-when-password-changes.js';
import type { Caller } from '../user/caller.js';
import type { Owner } from '../user/owner.js';
import type { KnownUser } from '../user/users.js';
import { CreateToken, createToken } from '../verbs/create-token.js';
import { deleteToken, deletionNeedsPassword } from '../verbs/delete-token.js';
import { EditToken, editToken } from '../verbs/edit-token.js';
import { reassignToken } from '../verbs/reassign-token.js';
import { RefreshToken, refreshToken } from '../verbs/refresh-token.js';
import type { RenewalFacts } from '../verbs/replaced-meanwhile.js';
import { revokeToken } from '../verbs/revoke-token.js';
import { type EndedSecrets, secretsEndedBy } from './ended-secrets.js';
import { askedToken, type IssuedToken, Token, type TokenEvent, type TokenState } from './token.js';

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
const facts = (owner: KnownUser): RenewalFacts => {
  const meanwhile = { asked: 1, isReplaced: false, credentialWorks: true };
  return { owner, liveTokens: 0, policy, now: NOW, meanwhile };
};

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
  'edited in its description': (token: IssuedToken) =>
    editToken(new EditToken(adas, 'id', ada.id, { description: 'report' }), token, facts(ada)),
  'edited to last longer': (token: IssuedToken) =>
    editToken(new EditToken(adas, 'id', ada.id, { expiresAt: inDays(9) }), token, facts(ada)),
  'edited to what it is': (token: IssuedToken) =>
    editToken(new EditToken(adas, 'id', ada.id, { description: 'export' }), token, facts(ada)),
  refreshed: (token: IssuedToken) => refreshToken(new RefreshToken(adas, 'id', ada.id, {}), token, facts(ada)),
  'refreshed with a new expiry': (token: IssuedToken) =>
    refreshToken(new RefreshToken(adas, 'id', ada.id, { expiresAt: inDays(9) }), token, facts(ada)),
  revoked: (token: IssuedToken) => revokeToken(token, 'laptop lost'),
  'reassigned to another user': (token: IssuedToken) => reassignToken(token, facts(grace)),
  'reassigned to its own user': (token: IssuedToken) => reassignToken(token, facts(ada)),
  deleted: (token: IssuedToken) => deleteToken(token),
};
const expiryOf = (state: TokenState) => (state.status === 'none' ? null : state.expiresAt) ?? inDays(5);
/** … and what happens to it. */
const BEFALLEN = {
  'whose user is deleted': (state: TokenState) => invalidateToken(state),
  'whose user changes the password': (state: TokenState) => revokeWithPassword(state),
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
  'whose user changes the password': {
    'no token': [],
    'an active token': [revoked('password changed')],
    'an expired token': [revoked('password changed')],
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
const outcomeOf = <Outcome>(decide: () => Outcome): Outcome | string => {
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

const asked = Object.entries(ASKED).map(([verb, decide]) => {
  return [verb, (state: TokenState) => decide(askedToken(state, ada.id))] as const;
});

describe.each([...asked, ...Object.entries(BEFALLEN)])('a token %s', (verb, decide) => {
  const cells = statuses.map((status) => ({ status, outcome: THEN[verb as Verb][status] }));

  it.each(cells.map((cell) => ({ ...cell, words: words(cell.outcome) })))('$status: $words', ({ status, outcome }) => {
    expect(outcomeOf(() => decide(stateOf(GIVEN[status])))).toEqual(outcome);
  });
});

describe('a token that is asked about', () => {
  const found = (status: Status, owner: Owner) => outcomeOf(() => askedToken(stateOf(GIVEN[status]), owner));
  const isThere = (status: Status) => status !== 'no token' && status !== 'a deleted token';

  it.each(statuses.filter(isThere))('%s: is there for its owner and for an admin, and for nobody else', (status) => {
    expect([found(status, ada.id), found(status, 'anyone')]).toEqual(Array(2).fill(stateOf(GIVEN[status])));
    expect(found(status, grace.id)).toBe('token-not-found');
  });

  it.each(statuses.filter((status) => !isThere(status)))('%s: is there for nobody', (status) => {
    for (const owner of [ada.id, grace.id, 'anyone']) expect(found(status, owner)).toBe('token-not-found');
  });
});

describe('a token that is deleted', () => {
  const needed = Object.fromEntries(
    statuses.map((status) => [
      status,
      outcomeOf(() => deletionNeedsPassword(askedToken(stateOf(GIVEN[status]), ada.id), policy, NOW)),
    ]),
  );

  it('S11 needs the password where that ends a token that works, and nowhere else', () => {
    expect(needed).toEqual({
      'no token': 'token-not-found',
      'an active token': true,
      'an expired token': false,
      'a revoked token': false,
      'an invalid token': false,
      'a deleted token': 'token-not-found',
    } satisfies Record<Status, boolean | string>);
  });

  it('S11 needs none where the policy asks for none', () => {
    const token = askedToken(stateOf(GIVEN['an active token']), ada.id);
    expect(deletionNeedsPassword(token, { ...policy, requirePassword: ['create', 'refresh'] }, NOW)).toBe(false);
  });
});

describe('a new secret that is asked for at the same time as another', () => {
  const token = askedToken(stateOf(GIVEN['an active token']), ada.id);
  const MEANWHILE: Record<string, Partial<RenewalFacts['meanwhile']>> = {
    'the token had another secret when it was asked for': { asked: 2 },
    'it was replaced since the credential was verified': { isReplaced: true },
    'the secret that was proved works no longer': { credentialWorks: false },
  };

  it.each(Object.entries(MEANWHILE))('%s: refused: refreshed-meanwhile', (_, meanwhile) => {
    const renewal = (owner: KnownUser) => {
      const all = facts(owner);
      return { ...all, meanwhile: { ...all.meanwhile, ...meanwhile } };
    };
    const refresh = new RefreshToken(adas, 'id', ada.id, {});
    expect(outcomeOf(() => refreshToken(refresh, token, renewal(ada)))).toBe('refreshed-meanwhile');
    expect(outcomeOf(() => reassignToken(token, renewal(grace)))).toBe('refreshed-meanwhile');
  });
});

describe('the sessions of a token end with the secrets that started them', () => {
  const [none, all] = [
    { current: false, earlier: false },
    { current: true, earlier: true },
  ];
  const kept = { gracePeriodEndsAt: inDays(1), gracePeriodsKept: true };
  const withGrace = (grace: object): TokenEvent => {
    return {
      type: 'token-refreshed',
      data: { secretGeneration: 2, expiresAt: null, gracePeriodEndsAt: null, ...grace },
    };
  };
  const ENDED: Record<string, [events: TokenEvent[], ended: EndedSecrets]> = {
    'created: none': [[created(null)], none],
    'edited: none': [[edited('report', null)], none],
    'warned of: none': [[expiring], none],
    'S29 revoked: all': [[revoked(null)], all],
    'S29 deleted: all': [[deleted], all],
    'S29 reassigned: all': [[reassigned], all],
    'S29 without its user: all': [[invalidated], all],
    'S19 refreshed without a grace period: those of the secret up to now': [
      [withGrace({ gracePeriodsKept: true })],
      { current: true, earlier: false },
    ],
    'S19 refreshed with a grace period: none': [[withGrace(kept)], none],
    'S19 refreshed, grace periods of before ended: those of earlier secrets': [
      [withGrace({ ...kept, gracePeriodsKept: false })],
      { current: false, earlier: true },
    ],
    'several events: what any of them ends': [[edited('report', null), revoked(null), deleted], all],
    'no event: none': [[], none],
  };

  it.each(Object.entries(ENDED))('%s', (_, [events, ended]) => {
    expect(secretsEndedBy(events)).toEqual(ended);
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
