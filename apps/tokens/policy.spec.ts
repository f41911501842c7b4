import type { UserFacts } from '@tokenlog/contracts/identity/user-facts.js';
import { ConfigError } from '@tokenlog/platform/config.js';
import type { Caller } from './caller.js';
import { readTokensConfig } from './config.js';
import { CreateToken, createToken } from './create-token.js';
import { EditToken, editToken } from './edit-token.js';
import { type Policy, policyView } from './policy.js';
import { reassignToken } from './reassign-token.js';
import { RefreshToken, refreshToken } from './refresh-token.js';
import type { TokenState } from './token.js';
import type { KnownUser } from './users.js';

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
const active: TokenState = {
  status: 'active',
  userId: 'u1',
  description: 'd',
  scopes: ['rest'],
  expiresAt: null,
  secretGeneration: 1,
};

type Wish = { scopes?: string[]; expiresAt?: string | null };
/** Every way in which a rule can be met, as pure decisions. */
const decisions = {
  create: (policy: Policy, owner: KnownUser, wish: Wish = {}, liveTokens = 0, admin = false) =>
    createToken(new CreateToken(caller(admin), { userId: owner.id, description: 'd', scopes: ['rest'], ...wish }), {
      owner,
      policy,
      liveTokens,
      now: NOW,
    }),
  edit: (policy: Policy, holder: KnownUser, wish: Wish = {}) =>
    editToken(new EditToken(caller(), 't1', 'u1', wish), active, { holder, policy, now: NOW }),
  refresh: (policy: Policy, holder: KnownUser, wish: Wish = {}) =>
    refreshToken(new RefreshToken(caller(), 't1', 'u1', { expiresAt: wish.expiresAt }), active, {
      holder,
      policy,
      now: NOW,
    }),
  reassign: (policy: Policy, owner: KnownUser, wish: Wish = {}) =>
    reassignToken({ ...active, userId: 'u0', scopes: wish.scopes ?? ['rest'] }, owner, policy),
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

  it.each(['create', 'edit', 'reassign'] as const)('S25 scopes is held on %s', (name) => {
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

  it('S8 maxTokensPerUser counts the tokens that still work', () => {
    const policy = policyWith({ POLICY_MAX_TOKENS_PER_USER: '2' });
    expect(codeOf(() => decisions.create(policy, user(), {}, 1))).toBe('accepted');
    expect(codeOf(() => decisions.create(policy, user(), {}, 2))).toBe('policy-max-tokens');
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
    ['NATS_URL', 'localhost'],
  ])('%s=%s stops the start with a message that names it', (variable, value) => {
    const start = () => readTokensConfig({ ...ENVIRONMENT, [variable]: value });
    expect(start).toThrow(ConfigError);
    expect(start).toThrow(new RegExp(`^${variable} is wrong: `));
    expect(start).not.toThrow(value.length > 3 && variable === 'TOKEN_PEPPER' ? value : /\n/);
  });

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
