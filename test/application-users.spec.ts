import { ADMIN_PASSWORD, expectProblem, expectStatus, PASSWORD, WholeSystem } from './support/whole-system.js';

describe('S42 a user of its own for a program, on a whole system', () => {
  let whole: WholeSystem;
  let robot: { id: string };

  beforeAll(async () => {
    whole = await WholeSystem.start('application-users', { POLICY_REQUIRE_FIRST_LOGIN: 'true' });
    robot = await whole.register('robot', { kind: 'application', password: null });
  });
  afterAll(() => whole?.stop());

  it('is listed as an application, without a password', async () => {
    const list = await whole.identity('GET', '/users?kind=application', { as: whole.admin });
    expect(expectStatus(list, 200).body).toMatchObject({
      items: [{ id: robot.id, username: 'robot', kind: 'application', hasPassword: false, mustChangePassword: false }],
      total: 1,
    });
  });

  it('is given no password, by nobody and in no way', async () => {
    const json = { username: 'other-robot', kind: 'application', password: PASSWORD };
    expectProblem(await whole.identity('POST', '/users', { as: whole.admin, json }), 409, 'application-user');
    const set = { actorPassword: ADMIN_PASSWORD, newPassword: PASSWORD };
    const answer = await whole.identity('PUT', `/users/${robot.id}/password`, { as: whole.admin, json: set });
    expectProblem(answer, 409, 'application-user');
  });

  it('cannot log in, and cannot be told from an account that is not there', async () => {
    const logIn = (username: string) => whole.identity('POST', '/login', { json: { username, password: PASSWORD } });
    const [known, unknown] = [await logIn('robot'), await logIn('nobody')];
    expectProblem(known, 401, 'wrong-credentials');
    // But for the name that each request has.
    const told = ({ requestId: _, ...body }: { requestId: string }) => body;
    expect(told(known.body)).toEqual(told(unknown.body));
  });

  it('has tokens that an admin makes, without ever having logged in; they work, and are its own', async () => {
    const { token, secret } = await whole.issue(robot.id, { scopes: ['rest', 'tokens'] });
    expect(expectStatus(await whole.example('GET', '/', { as: secret }), 200).body).toMatchObject({
      user: { id: robot.id, username: 'robot', roles: [] },
      scopes: ['rest', 'tokens'],
    });
    const table = await whole.tokens('GET', '/admin/tokens?user=robot', { as: whole.admin });
    expect(table.body.items).toMatchObject([{ id: token.id, user: 'robot', createdBy: 'admin', useCount: 1 }]);
    // A person with the same policy needs one login first (S16).
    const person = await whole.register('never-here');
    const json = { userId: person.id, description: 'x', scopes: ['rest'], password: ADMIN_PASSWORD };
    const refused = await whole.tokens('POST', '/admin/tokens', { as: whole.admin, json });
    expectProblem(refused, 409, 'user-never-logged-in');
  });

  it('cannot log in with a token in the place of the password either', async () => {
    const { secret } = await whole.issue(robot.id);
    const json = { username: 'robot', password: secret };
    expectProblem(await whole.identity('POST', '/login', { json }), 401, 'wrong-credentials');
  });

  it('makes no tokens itself: it has no password to enter again', async () => {
    const { secret } = await whole.issue(robot.id, { scopes: ['tokens'] });
    const json = { description: 'mine', scopes: ['rest'] };
    expectProblem(await whole.tokens('POST', '/tokens', { as: secret, json }), 403, 'password-required');
    const entered = { ...json, password: PASSWORD };
    expectProblem(await whole.tokens('POST', '/tokens', { as: secret, json: entered }), 409, 'no-local-password');
  });

  it('looks after the token that it has: a script refreshes it and ends it', async () => {
    const { secret } = await whole.issue(robot.id);
    const refreshed = expectStatus(await whole.tokens('POST', '/tokens/self/refresh', { as: secret }), 200).body;
    expectProblem(await whole.example('GET', '/', { as: secret }), 401, 'superseded');
    expectStatus(await whole.tokens('POST', '/tokens/self/revoke', { as: refreshed.secret }), 200);
    expectProblem(await whole.example('GET', '/', { as: refreshed.secret }), 401, 'revoked');
  });

  it('takes its tokens along: disabled they rest, deleted they are invalid and still listed', async () => {
    const other = await whole.register('short-lived', { kind: 'application', password: null });
    const { token, secret } = await whole.issue(other.id);
    await whole.change(other.id, { disabled: true });
    expectProblem(await whole.example('GET', '/', { as: secret }), 401, 'user-disabled');
    await whole.change(other.id, { disabled: false });
    expectStatus(await whole.example('GET', '/', { as: secret }), 200);
    expectStatus(await whole.identity('DELETE', `/users/${other.id}`, { as: whole.admin }), 204);
    expectProblem(await whole.example('GET', '/', { as: secret }), 401, 'invalid');
    const row = await whole.tokens('GET', `/admin/tokens/${token.id}`, { as: whole.admin });
    expect(row.body.token).toMatchObject({ state: 'invalid', user: 'short-lived' });
  });
});
