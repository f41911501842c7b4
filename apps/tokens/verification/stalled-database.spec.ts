import { setTimeout as delay } from 'node:timers/promises';
import { headers } from '@nats-io/transport-node';
import { PATIENCE_HEADER } from '@tokenlog/contracts/message.js';
import { Client } from 'pg';
import { eventually } from '../../../test/support/eventually.js';
import { Way } from '../../../test/support/way.js';
import { startTokenService, type TestTokenService, type TestUser } from '../testing/token-service.js';
import { CreateToken } from '../verbs/create-token.js';
import { MOST_WAITING } from './verification-queue.js';
import { Verifier } from './verifier.js';

/** Whoever asks was promised an answer within 2 s; this machine may be slow. */
const PATIENCE_MS = 6_000;
const AWAY = { code: 'database-unavailable', detail: expect.not.stringMatching(/internal\.|127\.0\.0\.1/) };

/** Waits until a connection of the verifier is so, or none is. Only the owner is shown that. */
async function verifierWaits(service: TestTokenService, how: string, isSo: boolean): Promise<void> {
  const owner = new Client(service.database.url);
  await owner.connect();
  try {
    await eventually(async () => {
      const { rows } = await owner.query(
        `SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tokenlog-verifier' AND ${how}`,
      );
      expect(rows.length > 0).toBe(isSo);
    });
  } finally {
    await owner.end();
  }
}

describe('a PostgreSQL that stands still', () => {
  let service: TestTokenService;
  let way: Way;
  let ada: TestUser;

  beforeAll(async () => {
    service = await startTokenService();
    way = await Way.to(service.database.url);
    ada = await service.register('ada');
    await service.restart({ DATABASE_URL: way.url });
  });
  afterEach(() => way.release());
  afterAll(async () => {
    await service.stop();
    await way.close();
  });

  const issue = () =>
    service.commands.execute(
      new CreateToken(service.caller(ada), { userId: ada.id, description: 'x', scopes: ['rest'] }, 'right'),
    );
  const ask = async (credential: string) =>
    (await service.guard.request('tokens.verify', JSON.stringify({ credential }), { timeout: PATIENCE_MS })).json<{
      active?: boolean;
      error?: object;
    }>();
  const counted = async (tokenId: string) => {
    const { rows } = await service.store.pool.query<{ count: number; logged: number }>(
      `SELECT coalesce((SELECT use_count FROM token_usage WHERE token_id = $1), 0)::int AS count,
         coalesce((SELECT sum((data->>'count')::int) FROM events WHERE entity = $1 AND type = 'token-used'), 0)::int AS logged`,
      [tokenId],
    );
    return [rows[0]?.count, rows[0]?.logged];
  };
  const works = (secret: string) => eventually(async () => expect(await ask(secret)).toMatchObject({ active: true }));
  /** Everything that was held up has arrived, and been done or not. */
  const settled = () => verifierWaits(service, `state <> 'idle'`, false);

  it('S34 is answered for with 503 in time, and of what was asked meanwhile nothing is counted that was not accepted', async () => {
    const { tokenId, secret } = await issue();
    await works(secret);
    const other = await issue();
    await ask(other.secret);
    way.hold();
    const answers: Promise<{ active?: boolean; error?: object }>[] = [];
    for (let round = 0; round < 30; round++) {
      for (let n = 0; n < 20; n++) answers.push(ask(n % 2 ? secret : other.secret));
      await delay(100);
    }
    const told = await Promise.all(answers);
    way.release();
    expect(told.filter(({ active }) => active)).toEqual([]);
    expect(told[0]).toEqual({ error: { ...AWAY, retryAfterSeconds: 1 } });
    expect(new Set(told.map((each) => JSON.stringify(each))).size).toBe(1);
    await eventually(() => service.store.pool.query('SELECT 1'));
    await settled();
    const [count, logged] = await counted(other.tokenId);
    expect([count, logged]).toEqual([1, 1]);
    const before = (await counted(tokenId))[0] as number;
    await works(secret);
    await eventually(async () => expect((await counted(tokenId))[0]).toBeGreaterThan(before));
  });

  it('S34 of what is asked as it goes on again, accepted and counted are the same', async () => {
    const { tokenId, secret } = await issue();
    const asking: Promise<{ active?: boolean }>[] = [];
    for (let round = 0; round < 60; round++) {
      if (round === 10) way.hold();
      if (round === 40) way.release();
      for (let n = 0; n < 10; n++) asking.push(ask(secret));
      await delay(50);
    }
    const accepted = (await Promise.all(asking)).filter(({ active }) => active).length;
    expect(accepted).toBeGreaterThan(0);
    await eventually(() => service.store.pool.query('SELECT 1'));
    await settled();
    expect(await counted(tokenId)).toEqual([accepted, accepted]);
  });

  it('is said by one code at every door, and by readiness, with Retry-After', async () => {
    const { secret } = await issue();
    way.hold();
    const [ready, own, introspected, started] = await Promise.all([
      fetch(`${service.url}/health/ready`),
      fetch(`${service.url}/tokens`, { headers: { authorization: `Bearer ${secret}` } }),
      fetch(`${service.url}/oauth2/introspect`, {
        method: 'POST',
        headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/x-www-form-urlencoded' },
        body: `token=${secret}`,
      }),
      service.identity.request(
        'internal.tokens.start-session',
        JSON.stringify({ with: 'password', userId: ada.id, userVersion: ada.version, ip: null }),
        { timeout: PATIENCE_MS },
      ),
    ]);
    for (const [answer, oauth] of [[own, {}] as const, [introspected, { error: 'temporarily_unavailable' }] as const]) {
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
      expect(await answer.json()).toMatchObject({ ...AWAY, ...oauth });
    }
    expect(started.json()).toEqual({ error: { ...AWAY, retryAfterSeconds: 1 } });
    expect([ready.status, ready.headers.get('retry-after')]).toEqual([503, '1']);
    expect(ready.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(await ready.json()).toMatchObject({
      code: 'not-ready',
      detail: expect.stringContaining('database: '),
      details: {
        database: { status: 'down', since: expect.stringMatching(/^\d{4}-.*Z$/), message: expect.any(String) },
        nats: { status: 'up', since: expect.any(String) },
      },
    });
    way.release();
    await eventually(async () => expect((await fetch(`${service.url}/health/ready`)).status).toBe(200));
  });

  it('S34 who would be one too many to wait is told so at once', async () => {
    const { secret } = await issue();
    const verifier = service.app.get(Verifier, { strict: false });
    way.hold();
    // Two batches are under way, and nobody waits for them.
    for (let n = 0; n < 2; n++) {
      void verifier.verify({ credential: secret }).catch(() => undefined);
      await delay(20);
    }
    const waiting = Array.from({ length: MOST_WAITING }, () => verifier.verify({ credential: secret }));
    const outcomes = Promise.allSettled(waiting);
    await expect(verifier.verify({ credential: secret })).rejects.toMatchObject({ code: 'overloaded' });
    for (const each of await outcomes) expect(each).toMatchObject({ reason: { code: 'database-unavailable' } });
  });
});

test('a question that waits for less than two seconds is not decided, nor counted, when its caller has gone', async () => {
  const service = await startTokenService();
  const ada = await service.register('ada');
  const { tokenId, secret } = await service.commands.execute(
    new CreateToken(service.caller(ada), { userId: ada.id, description: 'x', scopes: ['rest'] }, 'right'),
  );
  const verifier = service.app.get(Verifier, { strict: false });
  await verifier.verify({ credential: secret });
  const holder = await service.store.pool.connect();
  await holder.query('BEGIN');
  await holder.query('SELECT FROM token_usage WHERE token_id = $1 FOR UPDATE', [tokenId]);
  const impatient = headers();
  impatient.set(PATIENCE_HEADER, '600');
  const asking = service.guard.request('tokens.verify', JSON.stringify({ credential: secret }), {
    headers: impatient,
    timeout: PATIENCE_MS,
  });
  await verifierWaits(service, `wait_event_type = 'Lock'`, true);
  expect((await asking).json()).toMatchObject({ error: { code: 'database-unavailable', retryAfterSeconds: 1 } });
  await verifierWaits(service, `wait_event_type = 'Lock'`, false);
  await holder.query('ROLLBACK');
  holder.release();
  expect(await service.verify({ credential: secret })).toMatchObject({ active: true });
  const { rows } = await service.store.pool.query(
    'SELECT use_count::int AS count FROM token_usage WHERE token_id = $1',
    [tokenId],
  );
  expect(rows).toEqual([{ count: 2 }]);
  await service.stop();
});
