import { setTimeout as delay } from 'node:timers/promises';
import { ADMIN_PASSWORD, expectProblem, expectStatus, PASSWORD, WholeSystem } from './support/whole-system.js';

/** What a token can do ends where its user, its policy or its time does; seen from outside, on real processes. */
describe('the limits of a token and of its sessions, on a whole system', () => {
  let whole: WholeSystem;

  beforeAll(async () => {
    const policy = { POLICY_OWNER_ROLES: 'operator', POLICY_ALLOW_ADMIN_TOKENS: 'false' };
    whole = await WholeSystem.start('token-session-limits', policy);
  });
  afterAll(() => whole?.stop());

  const operator = async (username: string, more: object = {}) => {
    const user = await whole.register(username, { roles: ['operator'] });
    return { user, ...(await whole.issue(user.id, { scopes: ['rest', 'tokens'], ...more })) };
  };
  const activeSessions = async (id: string): Promise<number> =>
    (await whole.tokens('GET', `/admin/tokens/${id}`, { as: whole.admin })).body.token.activeSessions;

  it('S14 a lost role refuses the token, getting it back makes it work again', async () => {
    const { user, token, secret } = await operator('loses-role');
    expectStatus(await whole.example('GET', '/', { as: secret }), 200);
    await whole.change(user.id, { roles: ['visitor'] });
    expectProblem(await whole.example('GET', '/', { as: secret }), 401, 'role-lost');
    const json = { userId: user.id, description: 'another', scopes: ['rest'], password: ADMIN_PASSWORD };
    const refused = await whole.tokens('POST', '/admin/tokens', { as: whole.admin, json });
    expectProblem(refused, 403, 'policy-owner-roles');
    await whole.change(user.id, { roles: ['operator', 'visitor'] });
    expectStatus(await whole.example('GET', '/', { as: secret }), 200);
    const row = await whole.tokens('GET', `/admin/tokens/${token.id}`, { as: whole.admin });
    expect(row.body.token).toMatchObject({ state: 'active', useCount: 2 });
  });

  it('S15 a user who becomes an admin has no tokens that work; none is made for an admin or moved to one', async () => {
    const { user, token, secret } = await operator('promoted');
    await whole.change(user.id, { roles: ['operator', 'admin'] });
    expectProblem(await whole.example('GET', '/', { as: secret }), 401, 'role-lost');
    const json = { userId: user.id, description: 'another', scopes: ['rest'], password: ADMIN_PASSWORD };
    const refused = await whole.tokens('POST', '/admin/tokens', { as: whole.admin, json });
    expectProblem(refused, 403, 'policy-allow-admin-tokens');
    await whole.change(user.id, { roles: ['operator'] });
    expectStatus(await whole.example('GET', '/', { as: secret }), 200);
    const chief = await whole.register('chief', { roles: ['operator', 'admin'] });
    const reassign = { as: whole.admin, json: { userId: chief.id, password: ADMIN_PASSWORD } };
    const moved = await whole.tokens('POST', `/admin/tokens/${token.id}/reassign`, reassign);
    expectProblem(moved, 403, 'policy-allow-admin-tokens');
    expectStatus(await whole.example('GET', '/', { as: secret }), 200);
  });

  it('S26 a token starts a session, which may do no more than its user and its scopes', async () => {
    const { secret } = await operator('ordinary');
    const { credential } = await whole.sessionOf(secret);
    expectStatus(await whole.example('GET', '/', { as: credential }), 200);
    expectProblem(await whole.example('GET', '/admin', { as: credential }), 403, 'role');
    for (const path of ['/admin/tokens', '/admin/audit', '/admin/policy']) {
      expectStatus(await whole.tokens('GET', path, { as: credential }), 403);
    }
    expectStatus(await whole.identity('GET', '/users', { as: credential }), 403);
    const { user } = await operator('narrow');
    const narrow = await whole.issue(user.id, { scopes: ['reports'] });
    expectProblem(
      await whole.example('GET', '/', { as: (await whole.sessionOf(narrow.secret)).credential }),
      403,
      'scope',
    );
  });

  it('S27 a session of a token cannot change the password, whatever it knows', async () => {
    const { user, secret } = await operator('careful');
    const { credential } = await whole.sessionOf(secret);
    const json = { currentPassword: PASSWORD, newPassword: 'another long password' };
    for (const as of [credential, secret]) {
      expectProblem(await whole.identity('PUT', '/me/password', { as, json }), 403, 'token-session');
    }
    expectStatus(await whole.identity('GET', '/me', { as: credential }), 200);
    await whole.logIn(user.username, PASSWORD);
  });

  it('S28 a session ends with the expiry of its token', async () => {
    const expiresAt = new Date(Date.now() + 2000).toISOString();
    const { token, secret } = await operator('short', { expiresAt });
    const session = await whole.sessionOf(secret);
    expect(session.expiresAt).toBe(expiresAt);
    expectStatus(await whole.example('GET', '/', { as: session.credential }), 200);
    expect(await activeSessions(token.id)).toBe(1);
    await delay(Date.parse(expiresAt) - Date.now() + 1);
    expectProblem(await whole.example('GET', '/', { as: session.credential }), 401, 'session-ended');
    expectProblem(await whole.example('GET', '/', { as: secret }), 401, 'expired');
    expect(await activeSessions(token.id)).toBe(0);
  });

  it('S29 revoking a token ends its sessions at once, and no others', async () => {
    const { user, token, secret } = await operator('revoked');
    const other = await whole.sessionOf((await whole.issue(user.id)).secret);
    const sessions = [await whole.sessionOf(secret), await whole.sessionOf(secret)];
    expect(await activeSessions(token.id)).toBe(2);
    const revoke = { as: whole.admin, json: { password: ADMIN_PASSWORD } };
    expectStatus(await whole.tokens('POST', `/admin/tokens/${token.id}/revoke`, revoke), 200);
    for (const { credential } of sessions) {
      expectProblem(await whole.example('GET', '/', { as: credential }), 401, 'session-ended');
    }
    expectStatus(await whole.example('GET', '/', { as: other.credential }), 200);
    expect(await activeSessions(token.id)).toBe(0);
  });

  it('S32 a disabled user’s token and sessions rest; fewer rights follow at the next use', async () => {
    const { user, secret } = await operator('resting');
    const { credential } = await whole.sessionOf(secret);
    await whole.change(user.id, { disabled: true });
    expectProblem(await whole.example('GET', '/', { as: secret }), 401, 'user-disabled');
    expectStatus(await whole.example('GET', '/', { as: credential }), 401);
    await whole.change(user.id, { disabled: false, roles: ['operator', 'auditor'] });
    const roles = async () => (await whole.example('GET', '/', { as: secret })).body.user.roles;
    expect(await roles()).toEqual(['operator', 'auditor']);
    await whole.change(user.id, { roles: ['operator'] });
    expect(await roles()).toEqual(['operator']);
  });
});
