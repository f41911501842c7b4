import { setTimeout as delay } from 'node:timers/promises';
import { call, sessionOf } from '../testing/http.js';
import { startTokenService, type TestTokenService } from '../testing/token-service.js';

describe('S8 POLICY_MAX_TOKENS_PER_USER', () => {
  const LIMIT = 2;
  let service: TestTokenService;
  let admin: string;
  let users = 0;

  beforeAll(async () => {
    service = await startTokenService({ POLICY_MAX_TOKENS_PER_USER: `${LIMIT}`, POLICY_REQUIRE_PASSWORD: 'none' });
    admin = await sessionOf(service, await service.register('chief', { roles: ['admin'] }));
  });
  afterAll(() => service.stop());

  const owner = async () => {
    const user = await service.register(`owner-${++users}`);
    return { ...user, session: await sessionOf(service, user) };
  };
  const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();
  const create = (as: string, json: object = {}) =>
    call(service, 'POST', '/tokens', { as, json: { description: 'limited', scopes: [], ...json } });
  const created = async (as: string, json?: object) => {
    const answer = await create(as, json);
    expect(answer.status).toBe(201);
    return answer.body.token.id as string;
  };
  /** Tokens that have expired: as many as one likes. */
  const expired = async (as: string, count: number) => {
    const ids: string[] = [];
    let lifetime = 150;
    while (ids.length < count) {
      const most = Math.min(LIMIT, count - ids.length);
      const json = { expiresAt: new Date(Date.now() + lifetime).toISOString() };
      const answers = await Promise.all(Array.from({ length: most }, () => create(as, json)));
      await delay(lifetime + 50);
      ids.push(...answers.filter(({ status }) => status === 201).map(({ body }) => body.token.id as string));
      // Already expired when the service came to it: a machine that is busy with other things.
      if (answers.some(({ status }) => status === 400)) lifetime *= 2;
    }
    return ids;
  };
  const live = async (userId: string) => {
    const { rows } = await service.store.pool.query(
      `SELECT count(*)::int AS live FROM tokens WHERE user_id = $1 AND status = 'active' AND coalesce(expires_at > now(), true)`,
      [userId],
    );
    return rows[0].live;
  };
  const tally = (answers: readonly { status: number; body: { code?: string } }[]) =>
    answers.map(({ status, body }) => body.code ?? status).toSorted();

  it('holds where expired tokens are edited into life, all at once', async () => {
    const { id, session } = await owner();
    const ids = await expired(session, 4);
    const edit = (token: string) =>
      call(service, 'PATCH', `/tokens/${token}`, { as: session, json: { expiresAt: inAnHour() } });
    const refused = 'policy-max-tokens';
    expect(tally(await Promise.all(ids.map(edit)))).toEqual([200, 200, refused, refused]);
    expect(await live(id)).toBe(LIMIT);
  });

  it('holds where expired tokens are refreshed into life, and beside creations', async () => {
    const { id, session } = await owner();
    const ids = await expired(session, 3);
    const refresh = (token: string) =>
      call(service, 'POST', `/tokens/${token}/refresh`, { as: session, json: { expiresAt: inAnHour() } });
    const answers = await Promise.all([...ids.map(refresh), create(session), create(session)]);
    expect(tally(answers).filter((each) => each === 'policy-max-tokens')).toHaveLength(3);
    expect(await live(id)).toBe(LIMIT);
  });

  it('holds where others’ tokens are reassigned to one user, all at once', async () => {
    const { id } = await owner();
    const givers = await Promise.all([owner(), owner(), owner()]);
    const ids = (
      await Promise.all(givers.map(({ session }) => Promise.all([created(session), created(session)])))
    ).flat();
    const reassign = (token: string) =>
      call(service, 'POST', `/admin/tokens/${token}/reassign`, { as: admin, json: { userId: id } });
    const answers = await Promise.all(ids.map(reassign));
    expect(tally(answers).filter((each) => each === 200)).toHaveLength(LIMIT);
    expect(await live(id)).toBe(LIMIT);
  });

  it('leaves alone what works already: edits and refreshes of as many as one may have', async () => {
    const { session } = await owner();
    const ids = [await created(session), await created(session)];
    for (const token of ids) {
      const as = { as: session, json: { expiresAt: inAnHour() } };
      expect((await call(service, 'PATCH', `/tokens/${token}`, as)).status).toBe(200);
      expect((await call(service, 'POST', `/tokens/${token}/refresh`, { as: session, json: {} })).status).toBe(200);
    }
  });
});
