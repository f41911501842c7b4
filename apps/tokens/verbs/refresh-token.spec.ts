import pg from 'pg';
import { eventually } from '../../../test/support/eventually.js';
import { statementsOf } from '../../../test/support/migrations.js';
import { TOKENS_DATABASE } from '../config/database-part.js';
import { SecretGraces } from '../migrations/2026-11-25-secret-graces.js';
import { call, sessionOf } from '../testing/http.js';
import { startTokenService, type TestTokenService, type TestUser } from '../testing/token-service.js';
import { CreateToken } from './create-token.js';
import { EditToken } from './edit-token.js';
import { RefreshToken } from './refresh-token.js';

describe('refreshing a token', () => {
  let service: TestTokenService;
  let ada: TestUser;
  let session: string;

  beforeAll(async () => {
    service = await startTokenService();
    ada = await service.register('ada');
    session = await sessionOf(service, ada);
  });
  afterAll(() => service.stop());

  const issue = () =>
    service.commands.execute(
      new CreateToken(service.caller(ada), { userId: ada.id, description: 'export', scopes: [] }, 'right'),
    );
  const refresh = (id: string, wishes: object = {}) =>
    call(service, 'POST', `/tokens/${id}/refresh`, { as: session, json: { password: 'right', ...wishes } });
  const refreshed = async (id: string, wishes: object = {}) => {
    const answer = await refresh(id, wishes);
    expect(answer.status).toBe(200);
    return answer.body.secret as string;
  };
  const refreshSelf = (as: string, json: object = {}) => call(service, 'POST', '/tokens/self/refresh', { as, json });
  const outcome = async (credential: string) => {
    const reply = await service.verify({ credential });
    return reply.active ? 'active' : reply.reason;
  };
  const secondsLeft = async (credential: string) => {
    const reply = await service.verify({ credential });
    return reply.active && reply.validUntil
      ? Math.round((Date.parse(reply.validUntil) - Date.parse(reply.checkedAt)) / 1000)
      : null;
  };

  /** Asks so many times, and lets nobody go on before all are at it. */
  const atOnce = async <Answer>(times: number, ask: () => Promise<Answer>): Promise<Answer[]> => {
    const [holder, watcher] = [new pg.Client(service.database.url), new pg.Client(service.database.url)];
    await Promise.all([holder.connect(), watcher.connect()]);
    await holder.query('BEGIN');
    await holder.query('SELECT FROM tokens.users WHERE id = $1 FOR UPDATE', [ada.id]);
    const answers = Promise.all(Array.from({ length: times }, ask));
    try {
      await eventually(async () => {
        // Not on the holder's own connection: within a transaction this view stays as it was.
        const { rows } = await watcher.query(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        expect(rows).toHaveLength(times);
      });
    } finally {
      await holder.query('COMMIT');
      await Promise.all([holder.end(), watcher.end()]);
    }
    return answers;
  };

  it('S19 a grace period holds until its time, whatever is promised to later secrets', async () => {
    const { tokenId, secret: first } = await issue();
    const second = await refreshed(tokenId, { gracePeriodSeconds: 3600 });
    const third = await refreshed(tokenId, { gracePeriodSeconds: 60 });
    const fourth = await refreshed(tokenId);
    expect(await secondsLeft(first)).toBeGreaterThan(3500);
    expect(await secondsLeft(second)).toBeLessThanOrEqual(60);
    expect(await Promise.all([first, second, third, fourth].map(outcome))).toEqual([
      'active',
      'active',
      'superseded',
      'active',
    ]);
  });

  it('S19 unless it is asked to end, or the token ends or goes to another user', async () => {
    const { tokenId, secret } = await issue();
    const second = await refreshed(tokenId, { gracePeriodSeconds: 3600 });
    const started = (await call(service, 'POST', '/sessions', { as: secret })).body.session.credential;
    const third = await refreshed(tokenId, { gracePeriodSeconds: 3600, endGracePeriods: true });
    expect(await Promise.all([secret, started, second, third].map(outcome))).toEqual([
      'superseded',
      'session-ended',
      'active',
      'active',
    ]);
    const chief = await sessionOf(service, await service.register('chief', { roles: ['admin'] }));
    const grace = await service.register('grace');
    const path = `/admin/tokens/${tokenId}/reassign`;
    expect((await call(service, 'POST', path, { as: chief, json: { userId: grace.id } })).body.code).toBe(
      'password-required',
    );
    const moved = await call(service, 'POST', path, { as: chief, json: { userId: grace.id, password: 'right' } });
    expect(await Promise.all([second, third, moved.body.secret].map(outcome))).toEqual([
      'superseded',
      'superseded',
      'active',
    ]);
  });

  it('S29 sessions go on as long as the secret that started them', async () => {
    const { tokenId, secret } = await issue();
    const start = async (as: string) =>
      (await call(service, 'POST', '/sessions', { as })).body.session.credential as string;
    const ofFirst = await start(secret);
    const second = await refreshed(tokenId, { gracePeriodSeconds: 3600 });
    const ofSecond = await start(second);
    const lateOfFirst = await start(secret);
    await refreshed(tokenId);
    expect(await Promise.all([ofFirst, ofSecond, lateOfFirst].map(outcome))).toEqual([
      'active',
      'session-ended',
      'active',
    ]);
  });

  it('a script whose answer was lost refreshes again with the secret that it has; the one that nobody saw is dead', async () => {
    const { secret } = await issue();
    const lost = (await refreshSelf(secret, { gracePeriodSeconds: 3600 })).body.secret;
    const again = await refreshSelf(secret, { gracePeriodSeconds: 0 });
    expect(again.status).toBe(200);
    expect(await Promise.all([secret, lost, again.body.secret].map(outcome))).toEqual([
      'active',
      'superseded',
      'active',
    ]);
  });

  it('four times at once, exactly one is given a secret, and it works; the others are told', async () => {
    for (const gracePeriodSeconds of [0, 3600]) {
      const { tokenId, secret } = await issue();
      const answers = await atOnce(4, () => refresh(tokenId, { gracePeriodSeconds }));
      const [given, ...others] = answers.toSorted((one, other) => one.status - other.status);
      expect(given?.status).toBe(200);
      for (const { status, body } of others) expect([status, body.code]).toEqual([409, 'refreshed-meanwhile']);
      expect(await outcome(given?.body.secret)).toBe('active');
      expect(await outcome(secret)).toBe(gracePeriodSeconds > 0 ? 'active' : 'superseded');
    }
  });

  it('four times at once by the token itself too', async () => {
    const { secret } = await issue();
    const answers = await atOnce(4, () => refreshSelf(secret, { gracePeriodSeconds: 3600 }));
    const [given, ...others] = answers.toSorted((one, other) => one.status - other.status);
    expect(given?.status).toBe(200);
    for (const { status, body } of others) expect([status, body.code]).toEqual([409, 'refreshed-meanwhile']);
    expect(await outcome(given?.body.secret)).toBe('active');
  });

  it('a secret that was proved just before another one replaced it gets none, though the replacement was recorded before', async () => {
    const { tokenId } = await issue();
    await refreshed(tokenId);
    // Verified after the event was recorded, and before its transaction was committed.
    const verifiedAt = new Date(Date.now() + 60_000).toISOString();
    const credential = { kind: 'token', id: tokenId } as const;
    const caller = { ...service.caller(ada), credential, secretGeneration: 1, verifiedAt };
    const again = service.commands.execute(new RefreshToken(caller, tokenId, ada.id, { selfService: true }));
    await expect(again).rejects.toMatchObject({ code: 'refreshed-meanwhile' });
    const proved = { ...caller, secretGeneration: 2 };
    await service.commands.execute(new RefreshToken(proved, tokenId, ada.id, { selfService: true }));
  });

  it('while it is edited, is not taken for another refresh', async () => {
    for (let round = 0; round < 10; round++) {
      const { tokenId } = await issue();
      const edits = [1, 2, 3].map((number) =>
        service.commands.execute(
          new EditToken(service.caller(ada), tokenId, ada.id, { description: `edit ${number}` }),
        ),
      );
      const [answer] = await Promise.all([refresh(tokenId), ...edits]);
      expect(answer?.status).toBe(200);
    }
  });

  it('the grace periods of a database from before are taken over, those that had ended as ended', async () => {
    const tokens = await Promise.all([issue(), issue(), issue()]);
    const [one, two, three] = tokens.map(({ tokenId }) => tokenId) as [string, string, string];
    for (const id of [one, two, three]) await refreshed(id, { gracePeriodSeconds: 3600 });
    await refreshed(two, { gracePeriodSeconds: 1800 });
    await refreshed(three);
    const client = new pg.Client({
      connectionString: service.database.url,
      options: `-c search_path=${TOKENS_DATABASE.schema}`,
    });
    await client.connect();
    try {
      await client.query('BEGIN');
      await client.query('DROP TABLE secret_graces');
      for (const statement of statementsOf(SecretGraces)) await client.query(statement);
      const { rows } = await client.query(
        `SELECT token_id, generation, ends_at > now() AS lasts FROM secret_graces WHERE token_id = ANY($1)
         ORDER BY array_position($1, token_id), generation`,
        [[one, two, three]],
      );
      expect(rows.map(({ token_id, generation, lasts }) => [token_id, generation, lasts])).toEqual([
        [one, 1, true],
        [two, 1, false],
        [two, 2, true],
        [three, 1, false],
      ]);
    } finally {
      await client.query('ROLLBACK');
      await client.end();
    }
  });
});
