import type { UserFacts } from '@tokenlog/contracts/identity/user-facts.js';
import { ConfigError } from '@tokenlog/platform/config.js';
import type { IssuedToken } from '../token/token.js';
import type { Caller } from '../user/caller.js';
import type { KnownUser } from '../user/users.js';
import { CreateToken, createToken } from '../verbs/create-token.js';
import { EditToken, editToken } from '../verbs/edit-token.js';
import { reassignToken } from '../verbs/reassign-token.js';
import { RefreshToken, refreshToken } from '../verbs/refresh-token.js';
import { readTokensConfig } from './config.js';
import { type Policy, policyView } from './policy.js';

const ENVIRONMENT = {
  DATABASE_URL: 'postgres://localhost/x',
  NATS_URL: 'nats://localhost',
  TOKEN_PEPPER: 'a pepper for tests only',
};
const policyWith = (variables: Record<string, string> = {}): Policy =>
  readTokensConfig({ ...ENVIRONMENT, ...variables }).policy;

const NOW = new Date('2026-03-14T09:26:53.589Z');
const inDays = (days: number) => new Date(NOW.getTime() + days * 86_400_000).toISOString();
const user = (facts: Partial<UserFacts> = {}): KnownUser => ({
  id: 'u1',
  version: 1,
  deleted: false,
  username: 'ada',
  kind: 'person',
  roles: ['operator'],
  disabled: false,
  hasPassword: true,
  mustChangePassword: false,
  hasLoggedIn: true,
  ...facts,
});
const caller = (isAdmin = false): Caller => ({
  id: 'u1',
  username: 'ada',
  isAdmin,
  credential: { kind: 'session', id: 's1' },
  scopes: null,
  secretGeneration: null,
  ip: null,
});
const active: IssuedToken = {
  status: 'active',
  userId: 'u1',
  description: 'd',
  scopes: ['rest'],
  expiresAt: null,
  secretGeneration: 1,
};

const meanwhile = { asked: 1, isReplaced: false, credentialWorks: true };
const facts = (policy: Policy, owner: KnownUser, liveTokens = 0) => {
  return { owner, policy, liveTokens, now: NOW, meanwhile };
};

type Wish = { scopes?: string[]; expiresAt?: string | null };
/** Every way in which a rule can be met, as pure decisions. */
const decisions = {
  create: (policy: Policy, owner: KnownUser, wish: Wish = {}, liveTokens = 0, admin = false) =>
    createToken(
      new CreateToken(caller(admin), { userId: owner.id, description: 'd', scopes: ['rest'], ...wish }),
      facts(policy, owner, liveTokens),
    ),
  edit: (policy: Policy, holder: KnownUser, wish: Wish = {}, before: IssuedToken = active) =>
    editToken(new EditToken(caller(), 't1', 'u1', wish), before, facts(policy, holder)),
  refresh: (policy: Policy, holder: KnownUser, wish: Wish = {}, before: IssuedToken = active) => {
    const state = wish.scopes ? { ...before, scopes: wish.scopes } : before;
    const command = new RefreshToken(caller(), 't1', 'u1', { expiresAt: wish.expiresAt });
    return refreshToken(command, state, facts(policy, holder));
  },
  reassign: (policy: Policy, owner: KnownUser, wish: Wish = {}, liveTokens = 0) =>
    reassignToken(
      { ...active, userId: 'u0', scopes: wish.scopes ?? ['rest'], expiresAt: wish.expiresAt ?? null },
      facts(policy, owner, liveTokens),
    ),
};
const refusal = (code: string) => expect.objectContaining({ code });
const codeOf = (decide: () => unknown) => {
  try {
    decide();
    return 'accepted';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('the policy', () => {
  it('S10 create=admin-only refuses everybody else, and admins still create', () => {
    const policy = policyWith({ POLICY_CREATE: 'admin-only' });
    expect(codeOf(() => decisions.create(policy, user()))).toBe('policy-create');
    expect(codeOf(() => decisions.create(policy, user(), {}, 0, true))).toBe('accepted');
  });

  it.each(['create', 'refresh', 'reassign'] as const)('S14 ownerRoles is held on %s', (name) => {
    const policy = policyWith({ POLICY_OWNER_ROLES: 'staff, operator' });
    expect(codeOf(() => decisions[name](policy, user()))).toBe('accepted');
    expect(codeOf(() => decisions[name](policy, user({ roles: ['guest'] })))).toBe('policy-owner-roles');
  });

  it.each(['create', 'refresh', 'reassign'] as const)('S15 allowAdminTokens=false is held on %s', (name) => {
    const policy = policyWith({ POLICY_ALLOW_ADMIN_TOKENS: 'false' });
    expect(codeOf(() => decisions[name](policy, user({ roles: ['admin'] })))).toBe('policy-allow-admin-tokens');
    expect(codeOf(() => decisions[name](policy, user()))).toBe('accepted');
  });

  it.each(['create', 'reassign'] as const)('S16 requireFirstLogin is held on %s, for people', (name) => {
    const policy = policyWith({ POLICY_REQUIRE_FIRST_LOGIN: 'true' });
    expect(codeOf(() => decisions[name](policy, user({ hasLoggedIn: false })))).toBe('user-never-logged-in');
    // S42: an application never logs in.
    expect(codeOf(() => decisions[name](policy, user({ hasLoggedIn: false, kind: 'application' })))).toBe('accepted');
  });

  it('S16 a first login is required by itself where login is external, unless the policy says otherwise', () => {
    expect(policyWith().requireFirstLogin).toBe(false);
    expect(policyWith({ OIDC_ISSUER: 'https://id.example' }).requireFirstLogin).toBe(true);
    expect(
      policyWith({ OIDC_ISSUER: 'https://id.example', POLICY_REQUIRE_FIRST_LOGIN: 'false' }).requireFirstLogin,
    ).toBe(false);
  });

  it.each(['create', 'edit', 'refresh', 'reassign'] as const)('S25 scopes is held on %s', (name) => {
    const policy = policyWith({ POLICY_SCOPES: 'rest,reports' });
    expect(codeOf(() => decisions[name](policy, user(), { scopes: ['reports'] }))).toBe('accepted');
    expect(codeOf(() => decisions[name](policy, user(), { scopes: ['rest', 'export'] }))).toBe('policy-scopes');
    expect(codeOf(() => decisions[name](policy, user(), { scopes: ['tokens'] }))).toBe('accepted');
  });

  it.each(['create', 'edit', 'refresh'] as const)('S23 maxLifetimeDays is held on %s', (name) => {
    const policy = policyWith({ POLICY_MAX_LIFETIME_DAYS: '90' });
    expect(codeOf(() => decisions[name](policy, user(), { expiresAt: inDays(90) }))).toBe('accepted');
    expect(codeOf(() => decisions[name](policy, user(), { expiresAt: inDays(91) }))).toBe('policy-max-lifetime');
    expect(codeOf(() => decisions[name](policy, user(), { expiresAt: null }))).toBe('policy-max-lifetime');
  });

  it.each(['create', 'edit', 'refresh'] as const)('S9 an expiry in the past is a 400 on %s', (name) => {
    expect(codeOf(() => decisions[name](policyWith(), user(), { expiresAt: inDays(-1) }))).toBe('expiry-in-the-past');
  });

  it('S9 defaultLifetimeDays fills in an expiry that was not asked for; null asks for none', () => {
    const policy = policyWith({ POLICY_DEFAULT_LIFETIME_DAYS: '30' });
    expect(decisions.create(policy, user())[0]).toMatchObject({ data: { expiresAt: inDays(30) } });
    expect(decisions.create(policy, user(), { expiresAt: null })[0]).toMatchObject({ data: { expiresAt: null } });
  });

  it('S8 maxTokensPerUser counts the tokens that still work, whatever makes one work or gives it to another', () => {
    const policy = policyWith({ POLICY_MAX_TOKENS_PER_USER: '2' });
    const expired: IssuedToken = { ...active, expiresAt: inDays(-1) };
    const ways: Record<string, (live: number) => unknown> = {
      create: (live) => decisions.create(policy, user(), {}, live),
      reassign: (live) => decisions.reassign(policy, user(), {}, live),
      'edit of an expired one': (live) =>
        editToken(new EditToken(caller(), 't1', 'u1', { expiresAt: inDays(1) }), expired, facts(policy, user(), live)),
      'refresh of an expired one': (live) =>
        refreshToken(
          new RefreshToken(caller(), 't1', 'u1', { expiresAt: inDays(1) }),
          expired,
          facts(policy, user(), live),
        ),
    };
    for (const [name, way] of Object.entries(ways)) {
      expect([name, codeOf(() => way(1)), codeOf(() => way(2))]).toEqual([name, 'accepted', 'policy-max-tokens']);
    }
    // What works already is no other one, and what stays expired is none.
    const more = facts(policy, user(), 5);
    const edit = (expiresAt: string | undefined, state: IssuedToken) =>
      editToken(new EditToken(caller(), 't1', 'u1', { description: 'e', expiresAt } as never), state, more);
    expect(codeOf(() => edit(inDays(1), active))).toBe('accepted');
    expect(codeOf(() => edit(undefined, expired))).toBe('accepted');
    expect(codeOf(() => refreshToken(new RefreshToken(caller(), 't1', 'u1', {}), active, more))).toBe('accepted');
  });

  it('S23 a new secret lives no longer than maxLifetimeDays, whatever was promised before that', () => {
    const policy = policyWith({ POLICY_MAX_LIFETIME_DAYS: '90' });
    for (const expiresAt of [null, inDays(400)]) {
      const before: IssuedToken = { ...active, expiresAt };
      expect(decisions.refresh(policy, user(), {}, before)).toMatchObject([{ data: { expiresAt: inDays(90) } }]);
      expect(decisions.reassign(policy, user(), { expiresAt })).toMatchObject([
        { type: 'token-reassigned' },
        { type: 'token-edited', data: { expiresAt: inDays(90), scopes: ['rest'] } },
      ]);
    }
    const sooner: IssuedToken = { ...active, expiresAt: inDays(30) };
    expect(decisions.refresh(policy, user(), {}, sooner)).toMatchObject([{ data: { expiresAt: inDays(30) } }]);
  });

  it('a token that the policy has become stricter than is described anew or shortened, and not prolonged', () => {
    const stricter = policyWith({ POLICY_SCOPES: 'reports', POLICY_OWNER_ROLES: 'staff' });
    const old: IssuedToken = { ...active, expiresAt: inDays(30) };
    const edit = (holder: KnownUser, wish: object) =>
      codeOf(() => editToken(new EditToken(caller(), 't1', 'u1', wish), old, facts(stricter, holder)));
    const staff = user({ roles: ['staff'] });
    expect(edit(user(), { description: 'e' })).toBe('accepted');
    expect(edit(user(), { expiresAt: inDays(10) })).toBe('accepted');
    expect(edit(user(), { expiresAt: inDays(31) })).toBe('policy-owner-roles');
    expect(edit(staff, { expiresAt: inDays(31) })).toBe('policy-scopes');
    expect(edit(staff, { expiresAt: null })).toBe('policy-scopes');
    expect(edit(staff, { expiresAt: inDays(31), scopes: ['reports'] })).toBe('accepted');
    expect(edit(user(), { scopes: ['reports'] })).toBe('accepted');
  });

  it('S32 a disabled user gets no token', () => {
    expect(() => decisions.create(policyWith(), user({ disabled: true }))).toThrow(refusal('user-disabled'));
  });

  it.each([
    ['POLICY_CREATE', 'everybody'],
    ['POLICY_REQUIRE_PASSWORD', 'create,delete'],
    ['POLICY_OWNER_ROLES', 'Not A Role'],
    ['POLICY_ALLOW_ADMIN_TOKENS', 'yes'],
    ['POLICY_REQUIRE_FIRST_LOGIN', '1'],
    ['POLICY_ON_PASSWORD_CHANGE', 'delete'],
    ['POLICY_SCOPES', 'Not A Scope'],
    ['POLICY_MAX_LIFETIME_DAYS', 'ninety'],
    ['POLICY_DEFAULT_LIFETIME_DAYS', '-1'],
    ['POLICY_MAX_TOKENS_PER_USER', '0.5'],
    ['TOKEN_PEPPER', 'short'],
    ['TOKENS_PORT', 'http'],
    ['DATABASE_URL', 'mysql://localhost'],
    ['NATS_URL', 'http://localhost'],
  ])('%s=%s stops the start with a message that names it', (variable, value) => {
    const start = () => readTokensConfig({ ...ENVIRONMENT, [variable]: value });
    expect(start).toThrow(ConfigError);
    expect(start).toThrow(new RegExp(`^${variable} is wrong: `));
    expect(start).not.toThrow(value.length > 3 && variable === 'TOKEN_PEPPER' ? value : /\n/);
  });

  it.each([
    ['POLICY_DEFAULT_LIFETIME_DAYS', '91', 'POLICY_MAX_LIFETIME_DAYS', '90'],
    ['POLICY_OWNER_ROLES', 'admin', 'POLICY_ALLOW_ADMIN_TOKENS', 'false'],
    ['ACCESS_KEYS_SCOPES', 'reports,export', 'POLICY_SCOPES', 'reports'],
    ['ACCESS_KEYS_SCOPES', 'reports,introspect', 'POLICY_ALLOW_ADMIN_TOKENS', 'false'],
    ['ACCESS_KEYS_FILE', 'keys.properties', 'POLICY_SCOPES', 'reports', 'ACCESS_KEYS_SCOPES'],
  ])(
    '%s=%s against %s=%s stops the start with a message that names both',
    (one, value, other, another, named = one) => {
      const start = (variables: Record<string, string>) => () => readTokensConfig({ ...ENVIRONMENT, ...variables });
      expect(start({ [one]: value, [other]: another })).toThrow(ConfigError);
      expect(start({ [one]: value, [other]: another })).toThrow(new RegExp(`^${named} is wrong: .*${other}`));
      expect(start({ [one]: value })).not.toThrow();
      expect(start({ [other]: another })).not.toThrow();
    },
  );

  it('is shown with where each value came from', () => {
    const { policy, policySet } = readTokensConfig({ ...ENVIRONMENT, POLICY_SCOPES: 'rest', POLICY_CREATE: '' });
    const items = policyView(policy, policySet);
    expect(items.find(({ name }) => name === 'scopes')).toEqual({
      name: 'scopes',
      value: ['rest'],
      variable: 'POLICY_SCOPES',
      from: 'environment',
    });
    expect(items.find(({ name }) => name === 'create')).toMatchObject({ value: 'self', from: 'default' });
    expect(items).toHaveLength(10);
  });
});
