import { createHash, randomUUID } from 'node:crypto';
import { parseCredential } from '@tokenlog/contracts/credential.js';
import fc from 'fast-check';
import pg from 'pg';
import { eventually } from '../../../test/support/eventually.js';
import { migrate } from '../migrate.js';
import { call, type HttpAnswer, sessionOf } from '../testing/http.js';
import { startTokenService, type TestTokenService, type TestUser } from '../testing/token-service.js';
import { ForgetAnswers } from './forget-answers.js';

const PEPPER = 'a pepper for tests only';

describe('a request that is repeated with its Idempotency-Key', () => {
  let service: TestTokenService;
  let owner: pg.Client;
  let ada: TestUser;
  let bob: TestUser;
  let session: string;

  beforeAll(async () => {
    service = await startTokenService();
    owner = new pg.Client(service.database.url);
    await owner.connect();
    await owner.query('SET search_path = tokens');
    ada = await service.register('ada', { roles: ['admin'] });
    bob = await service.register('bob');
    session = await sessionOf(service, ada);
  });
  afterAll(async () => {
    await owner?.end();
    await service?.stop();
  });

  const ask = (path: string, json: object, key: string, as = session, more: Record<string, string> = {}) =>
    call(service, 'POST', path, { as, json, headers: { 'idempotency-key': key, ...more } });
  const body = (more: object = {}) => ({ description: randomUUID(), scopes: ['rest'], password: 'right', ...more });
  const created = async (more: object = {}) =>
    (await call(service, 'POST', '/tokens', { as: session, json: body(more) })).body as {
      token: { id: string };
      secret: string;
    };
  const tokensNamed = async (description: string) =>
    (await owner.query('SELECT id FROM tokens WHERE description = $1', [description])).rows.length;
  const expectReplay = (again: HttpAnswer, first: HttpAnswer) => {
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    expect({ status: again.status, body: JSON.stringify(again.body), tag: again.headers.get('etag') }).toEqual({
      status: first.status,
      body: JSON.stringify(first.body),
      tag: first.headers.get('etag'),
    });
  };

  const routes: [string, () => Promise<{ path: string; json: object; as?: string }>][] = [
    ['a creation', async () => ({ path: '/tokens', json: body() })],
    ["an admin's creation", async () => ({ path: '/admin/tokens', json: body({ userId: bob.id }) })],
    ['a refresh', async () => ({ path: `/tokens/${(await created()).token.id}/refresh`, json: { password: 'right' } })],
    [
      "an admin's refresh",
      async () => ({ path: `/admin/tokens/${(await created()).token.id}/refresh`, json: { password: 'right' } }),
    ],
    [
      'a reassignment',
      async () => ({
        path: `/admin/tokens/${(await created()).token.id}/reassign`,
        json: { userId: bob.id, password: 'right' },
      }),
    ],
    [
      "a token's own refresh",
      async () => {
        const { secret } = await created();
        return { path: '/tokens/self/refresh', json: { gracePeriodSeconds: 60 }, as: secret };
      },
    ],
  ];

  it.each(routes)('%s gets the same answer again, the secret included, and is done once', async (_, make) => {
    const { path, json, as } = await make();
    const key = randomUUID();
    const first = await ask(path, json, key, as);
    expect([200, 201]).toContain(first.status);
    const changes = `SELECT count(*)::int AS events FROM events WHERE type <> 'token-used'`;
    const { rows: before } = await owner.query(changes);
    for (const same of [key, `"${key}"`, key.toUpperCase()]) expectReplay(await ask(path, json, same, as), first);
    expect((await owner.query(changes)).rows).toEqual(before);
    expect(await service.verify({ credential: first.body.secret })).toMatchObject({ active: true });
  });

  it('is another request with another key, or without one', async () => {
    const json = body();
    const ids = new Set<string>();
    for (const headers of [{ 'idempotency-key': randomUUID() }, { 'idempotency-key': randomUUID() }, {}, {}]) {
      const answer = await call(service, 'POST', '/tokens', { as: session, json, headers: headers as never });
      ids.add(answer.body.token.id);
    }
    expect(ids.size).toBe(4);
  });

  it('is the same request with its fields in another order, and with another If-Match', async () => {
    const { token } = await created();
    const key = randomUUID();
    const path = `/tokens/${token.id}/refresh`;
    const tag = (await call(service, 'GET', `/tokens/${token.id}`, { as: session })).headers.get('etag') as string;
    const first = await ask(path, { password: 'right', gracePeriodSeconds: 5 }, key, session, { 'if-match': tag });
    expect(first.status).toBe(200);
    expectReplay(
      await ask(path, { gracePeriodSeconds: 5, password: 'right' }, key, session, { 'if-match': tag }),
      first,
    );
  });

  it('with another body, another path or another token is a 422 that names the header, and does nothing', async () => {
    const json = body();
    const [one, other] = [await created(), await created()];
    const key = randomUUID();
    await ask('/tokens', json, key);
    for (const [path, changed, as] of [
      ['/tokens', { ...json, password: 'Right' }],
      ['/tokens', { ...json, scopes: [] }],
      ['/tokens', { ...json, expiresAt: null }],
      ['/admin/tokens', { ...json, userId: ada.id }],
      [`/tokens/${one.token.id}/refresh`, { password: 'right' }],
    ] as [string, object, string?][]) {
      const answer = await ask(path, changed, key, as);
      expect(answer).toMatchObject({
        status: 422,
        body: { code: 'idempotency-key-reused', errors: [{ field: 'Idempotency-Key' }] },
      });
    }
    expect(await tokensNamed(json.description)).toBe(1);
    const self = randomUUID();
    const grace = { gracePeriodSeconds: 60 };
    expect((await ask('/tokens/self/refresh', grace, self, one.secret)).status).toBe(200);
    expect(await ask('/tokens/self/refresh', grace, self, other.secret)).toMatchObject({ status: 422 });
  });

  it("another user's same key is another key", async () => {
    const json = body();
    const key = randomUUID();
    const first = await ask('/tokens', json, key);
    const others = await ask('/tokens', json, key, await sessionOf(service, bob));
    expect(others.status).toBe(201);
    expect(others.body.secret).not.toBe(first.body.secret);
    expect(others.body.token.user).toBe('bob');
  });

  it('a refusal is not kept: what was mended goes through with the same key', async () => {
    const json = body();
    const key = randomUUID();
    expect(await ask('/tokens', { ...json, password: 'wrong' }, key)).toMatchObject({ status: 403 });
    expect(await ask('/tokens', { ...json, scopes: ['Not a scope'] }, key)).toMatchObject({ status: 400 });
    expect(await ask('/tokens', json, key)).toMatchObject({ status: 201 });
  });

  it('needs rights that hold still, and gives the answer of that time after a revocation', async () => {
    const json = body();
    const key = randomUUID();
    const carla = await service.register('carla', { roles: ['admin'] });
    const as = await sessionOf(service, carla);
    const first = await ask('/admin/tokens', { ...json, userId: bob.id }, key, as);
    await call(service, 'POST', `/admin/tokens/${first.body.token.id}/revoke`, { as, json: { password: 'right' } });
    expectReplay(await ask('/admin/tokens', { ...json, userId: bob.id }, key, as), first);
    expect(await service.verify({ credential: first.body.secret })).toMatchObject({ active: false });
    await service.change(carla, { roles: [] });
    expect(await ask('/admin/tokens', { ...json, userId: bob.id }, key, as)).toMatchObject({ status: 403 });
    await service.change(carla, { disabled: true });
    expect(await ask('/admin/tokens', { ...json, userId: bob.id }, key, as)).toMatchObject({ status: 401 });
  });

  it.each(['1', 'test', '', 'aaaaaaaaaaaaaaaaaaaa', 'a key with spaces in it'])(
    'the key %j is a 400 that names the header, and nothing is done',
    async (key) => {
      const json = body();
      expect(await ask('/tokens', json, key)).toMatchObject({
        status: 400,
        body: { code: 'invalid-request', errors: [{ field: 'Idempotency-Key' }] },
      });
      expect(await tokensNamed(json.description)).toBe(0);
    },
  );

  it('while the first is under way, is a 409 that says when to ask again, at another service too', async () => {
    const second = await service.start();
    const held = new pg.Client(service.database.url);
    await held.connect();
    try {
      const json = body();
      const key = randomUUID();
      await held.query('BEGIN; LOCK TABLE tokens.secrets IN EXCLUSIVE MODE');
      const first = ask('/tokens', json, key);
      await eventually(
        async () => (await owner.query('SELECT FROM kept_answers WHERE answer IS NULL')).rows.length > 0,
      );
      const elsewhere = await fetch(`http://127.0.0.1:${second.getHttpServer().address().port}/tokens`, {
        method: 'POST',
        headers: { authorization: `Bearer ${session}`, 'content-type': 'application/json', 'idempotency-key': key },
        body: JSON.stringify(json),
      });
      const again = await ask('/tokens', json, key);
      const other = await ask('/tokens', { ...json, scopes: [] }, key);
      await held.query('ROLLBACK');
      expect(again).toMatchObject({ status: 409, body: { code: 'request-under-way' } });
      expect(again.headers.get('retry-after')).toBe('1');
      expect(elsewhere.status).toBe(409);
      expect(other.status).toBe(422);
      const answered = await first;
      expect(answered.status).toBe(201);
      expectReplay(await ask('/tokens', json, key), answered);
      expect(await tokensNamed(json.description)).toBe(1);
    } finally {
      await held.end();
      await second.close();
    }
  });

  it('who was too slow and whose place was taken makes nothing: one token, one secret', async () => {
    const held = new pg.Client(service.database.url);
    await held.connect();
    try {
      const json = body();
      const key = randomUUID();
      await held.query('BEGIN; LOCK TABLE tokens.secrets IN EXCLUSIVE MODE');
      const slow = ask('/tokens', json, key);
      await eventually(
        async () => (await owner.query('SELECT FROM kept_answers WHERE answer IS NULL')).rows.length > 0,
      );
      await owner.query(`UPDATE kept_answers SET ends_at = now() - interval '1 ms' WHERE answer IS NULL`);
      const quick = ask('/tokens', json, key);
      await eventually(
        async () =>
          (await owner.query('SELECT FROM kept_answers WHERE answer IS NULL AND ends_at > now()')).rows.length > 0,
      );
      await held.query('ROLLBACK');
      const answers = [await slow, await quick];
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
      expect(await tokensNamed(json.description)).toBe(1);
      expectReplay(await ask('/tokens', json, key), answers.find(({ status }) => status === 201)!);
    } finally {
      await held.end();
    }
  });

  it('however many ask at once at two services, and again, makes one token and has one answer', async () => {
    const second = await service.start();
    const urls = [service.url, `http://127.0.0.1:${second.getHttpServer().address().port}`];
    const run = fc.asyncProperty(
      fc.array(
        fc.array(fc.record({ at: fc.nat(1), key: fc.nat(1), delayMs: fc.nat(30) }), { minLength: 1, maxLength: 8 }),
        {
          minLength: 1,
          maxLength: 3,
        },
      ),
      async (waves) => {
        const keys = [randomUUID(), randomUUID()] as const;
        const bodies = [body(), body()] as const;
        const secrets = [new Set<string>(), new Set<string>()] as const;
        for (const wave of waves) {
          await Promise.all(
            wave.map(async ({ at, key, delayMs }) => {
              await new Promise((resolve) => setTimeout(resolve, delayMs));
              const response = await fetch(new URL('/tokens', urls[at]), {
                method: 'POST',
                headers: {
                  authorization: `Bearer ${session}`,
                  'content-type': 'application/json',
                  'idempotency-key': keys[key] as string,
                },
                body: JSON.stringify(bodies[key]),
              });
              const answer = (await response.json()) as { secret: string };
              expect([201, 409]).toContain(response.status);
              if (response.status === 201) secrets[key]?.add(answer.secret);
            }),
          );
        }
        for (const key of [0, 1] as const) {
          const asked = waves.flat().some((request) => request.key === key);
          expect(await tokensNamed(bodies[key].description)).toBe(asked ? 1 : 0);
          expect(secrets[key].size).toBe(asked ? 1 : 0);
        }
      },
    );
    try {
      await fc.assert(run, { numRuns: 12 });
    } finally {
      await second.close();
    }
  });

  it('a row holds nothing that who reads the database can use: no secret, key, password or description', async () => {
    const json = body({ description: 'a description to look for', password: 'right' });
    const key = randomUUID();
    const { secret } = (await ask('/tokens', json, key)).body;
    const { rows } = await owner.query('SELECT k::text AS row, k.* FROM kept_answers k');
    const all = JSON.stringify(rows) + rows.map(({ answer }) => Buffer.from(answer ?? '').toString('latin1')).join();
    const sought = [
      key,
      secret,
      parseCredential(secret)!.secret,
      json.description,
      json.password,
      session,
      ada.id,
      bob.id,
    ];
    // Nor what could be tried against guesses: plain hashes of the key, and of the body with its password.
    const guesses = [key, json.password, JSON.stringify(json)].flatMap((text) => [
      createHash('sha256').update(text).digest('hex'),
      createHash('sha256').update(`${PEPPER}${text}`).digest('hex'),
    ]);
    for (const text of [...sought, ...guesses]) {
      expect(all).not.toContain(text);
      expect(all).not.toContain(Buffer.from(text).toString('hex'));
      expect(all).not.toContain(Buffer.from(text).toString('base64'));
    }
    const fingerprints = rows.map(({ fingerprint, id }) => [fingerprint.length, id.length]);
    expect(new Set(fingerprints.map(String))).toEqual(new Set(['32,32']));
  });

  it('an answer that somebody changed in the database is not given', async () => {
    const [json, key] = [body(), randomUUID()];
    const other = randomUUID();
    await ask('/tokens', json, key);
    const { rows } = await owner.query('SELECT id, answer FROM kept_answers ORDER BY ends_at DESC LIMIT 1');
    await ask('/tokens', body(), other);
    await owner.query(
      'UPDATE kept_answers SET answer = (SELECT answer FROM kept_answers ORDER BY ends_at DESC LIMIT 1) WHERE id = $1',
      [rows[0].id],
    );
    const answer = await ask('/tokens', json, key);
    expect(answer).toMatchObject({ status: 500, body: { code: 'internal-error' } });
    expect(JSON.stringify(answer.body)).not.toContain('tkl_');
  });

  it('goes on under a new pepper while the old one is known, and is a 503 where it is not', async () => {
    const [json, key] = [body(), randomUUID()];
    const first = await ask('/tokens', json, key);
    const next = 'the pepper that comes next';
    await service.restart({ TOKEN_PEPPER: next, TOKEN_PEPPERS_RETIRED: PEPPER });
    expectReplay(await ask('/tokens', json, key), first);
    await service.restart({ TOKEN_PEPPER: PEPPER, TOKEN_PEPPERS_RETIRED: next });
    expectReplay(await ask('/tokens', json, key), first);
    await owner.query(`UPDATE kept_answers SET pepper = '0badcafe'`);
    expect(await ask('/tokens', json, key)).toMatchObject({ status: 503, body: { code: 'pepper-unknown' } });
  });

  it('after a day is a new request, by the clock of the database; the sweep has taken the row by then', async () => {
    const [json, key] = [body(), randomUUID()];
    const first = await ask('/tokens', json, key);
    const { rows } = await owner.query(
      `SELECT extract(epoch FROM max(ends_at) - now())::float8 AS seconds FROM kept_answers`,
    );
    expect(rows[0].seconds).toBeGreaterThan(86_400 - 60);
    expect(rows[0].seconds).toBeLessThanOrEqual(86_400);
    await owner.query(`UPDATE kept_answers SET ends_at = now() - interval '1 s'`);
    const late = await ask('/tokens', json, key);
    expect(late.status).toBe(201);
    expect(late.headers.get('idempotent-replayed')).toBeNull();
    expect(late.body.secret).not.toBe(first.body.secret);

    await owner.query(`UPDATE kept_answers SET ends_at = now() - interval '1 s' WHERE ends_at > now()`);
    const [kept, keptKey] = [body(), randomUUID()];
    const still = await ask('/tokens', kept, keptKey);
    await service.app.get(ForgetAnswers, { strict: false }).forget();
    expect((await owner.query('SELECT FROM kept_answers')).rows).toHaveLength(1);
    expectReplay(await ask('/tokens', kept, keptKey), still);
  });

  it('the header, and If-Match, are in the OpenAPI document of each route that reads them', async () => {
    const { paths } = (await call(service, 'GET', '/openapi.json')).body;
    const routesWith = (name: string) =>
      Object.entries<Record<string, { parameters?: { name: string; in: string }[] }>>(paths)
        .flatMap(([path, methods]) =>
          Object.entries(methods)
            .filter(([, { parameters = [] }]) => parameters.some((each) => each.in === 'header' && each.name === name))
            .map(([method]) => `${method} ${path}`),
        )
        .sort();
    const secretMade = [
      'post /admin/tokens',
      'post /admin/tokens/{id}/reassign',
      'post /admin/tokens/{id}/refresh',
      'post /tokens',
      'post /tokens/self/refresh',
      'post /tokens/{id}/refresh',
    ];
    expect(routesWith('Idempotency-Key')).toEqual(secretMade);
    const others = ['/admin/tokens/{id}', '/tokens/{id}'].flatMap((path) => [
      `delete ${path}`,
      `patch ${path}`,
      `post ${path}/revoke`,
    ]);
    expect(routesWith('If-Match')).toEqual([...secretMade, ...others, 'post /tokens/self/revoke'].sort());
  });

  it('the key is in no event', async () => {
    const key = randomUUID();
    await ask('/tokens', body(), key);
    const { rows } = await owner.query('SELECT FROM events e WHERE strpos(e::text, $1) > 0', [key]);
    expect(rows).toHaveLength(0);
  });

  it('a database of before is given the table by the migration, and its tokens stay', async () => {
    const { token } = await created();
    await owner.query(`DROP TABLE kept_answers`);
    await owner.query(`DELETE FROM migrations WHERE name = '2026-11-30-kept-answers'`);
    await migrate(service.database.url);
    const [json, key] = [body(), randomUUID()];
    const first = await ask('/tokens', json, key);
    expectReplay(await ask('/tokens', json, key), first);
    expect((await call(service, 'GET', `/tokens/${token.id}`, { as: session })).status).toBe(200);
  });
});
