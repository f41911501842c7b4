import { eventually } from './support/eventually.js';
import { expectProblem, expectStatus, PASSWORD, WholeSystem } from './support/whole-system.js';

const NEW_PASSWORD = 'the password after the change';

describe('S43 a password change, from identity to the tokens, on a whole system', () => {
  let whole: WholeSystem;

  beforeAll(async () => {
    whole = await WholeSystem.start('password-change');
  });
  afterAll(() => whole?.stop());

  /** A user with a token that is used, and with two sessions. */
  const prepare = async (username: string) => {
    const { id } = await whole.register(username);
    const { token, secret } = await whole.issue(id);
    const [own, other] = [await whole.logIn(username, PASSWORD), await whole.logIn(username, PASSWORD)];
    return { id, token, secret, own, other };
  };
  const change = (as: string, tokens?: string) =>
    whole.identity('PUT', '/me/password', {
      as,
      json: { currentPassword: PASSWORD, newPassword: NEW_PASSWORD, ...(tokens && { tokens }) },
    });
  const works = async (secret: string) => (await whole.example('GET', '/', { as: secret })).status === 200;

  it.each([
    [undefined, false, false],
    ['revoke', false, false],
    ['end-sessions', true, false],
    ['keep', true, true],
  ] as const)('with %s: the token works on %s, another session %s, and its own session goes on', async (...row) => {
    const [tokens, tokenWorks, otherWorks] = row;
    const username = `user-of-${tokens ?? 'the-policy'}`;
    const user = await prepare(username);
    expectStatus(await change(user.own, tokens), 204);
    expect(await works(user.secret)).toBe(tokenWorks);
    expect(await works(user.other)).toBe(otherWorks);
    expect(await works(user.own)).toBe(true);
    const logIn = (password: string) => whole.identity('POST', '/login', { json: { username, password } });
    expectProblem(await logIn(PASSWORD), 401, 'wrong-credentials');
    expectStatus(await logIn(NEW_PASSWORD), 200);
  });

  it('says beforehand what it would touch, and touches nothing by saying so', async () => {
    const user = await prepare('curious');
    const impact = expectStatus(await whole.identity('GET', '/me/password/impact', { as: user.own }), 200).body;
    expect(impact).toEqual({
      policy: 'revoke',
      tokens: [{ id: user.token.id, description: 'export', state: 'active' }],
      sessions: 2,
    });
    expect(await works(user.secret)).toBe(true);
  });

  it('with a wrong current password changes nothing', async () => {
    const user = await prepare('careless');
    const json = { currentPassword: 'not the password', newPassword: NEW_PASSWORD };
    expectProblem(await whole.identity('PUT', '/me/password', { as: user.own, json }), 403, 'wrong-password');
    expect(await works(user.secret)).toBe(true);
    expect(await works(user.other)).toBe(true);
  });

  it('is refused as long as nobody can say who asks, and then done once', async () => {
    const user = await prepare('patient');
    await whole.system.kill('nats', 'SIGSTOP');
    const refused = await change(user.own);
    expect(refused.status).toBe(503);
    await whole.system.kill('nats', 'SIGCONT');
    await eventually(async () => expect(await works(user.secret)).toBe(true));
    expect([204, 202]).toContain((await change(user.own)).status);
    await eventually(async () => expect(await works(user.secret)).toBe(false));
  });
});
