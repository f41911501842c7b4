import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { Answer } from '../tools/tour/client.js';
import { eventually } from './support/eventually.js';
import { ADMIN_PASSWORD, expectProblem, expectStatus, WholeSystem } from './support/whole-system.js';

describe('a request with an Idempotency-Key, when the token service is killed (-9) meanwhile', () => {
  let whole: WholeSystem;
  let owner: pg.Client;

  beforeAll(async () => {
    whole = await WholeSystem.start('repeated');
    owner = new pg.Client(whole.system.databaseUrl);
    await owner.connect();
    await owner.query('SET search_path = tokens');
  });
  afterAll(async () => {
    await owner?.end();
    await whole?.stop();
  });

  const ask = (path: string, json: object, key: string): Promise<Answer> =>
    whole.tokens('POST', path, { as: whole.admin, json, headers: { 'idempotency-key': key } });
  /** As a client does whose connection was lost: again, until it has an answer that is not "under way". */
  const untilAnswered = (path: string, json: object, key: string) =>
    eventually(
      async () => {
        const answer = await ask(path, json, key);
        expect([409, 503]).not.toContain(answer.status);
        return answer;
      },
      { timeoutMs: 40_000 },
    );
  const body = () => ({ description: randomUUID(), scopes: ['rest'], password: ADMIN_PASSWORD });
  const tokensNamed = async (description: string) =>
    (await owner.query('SELECT FROM tokens WHERE description = $1', [description])).rows.length;
  const outcomeOf = (asked: Promise<Answer>) =>
    asked.then(
      ({ status }) => status,
      () => 'lost' as const,
    );
  const isGood = async (secret: string) => (await whole.tokens('GET', '/tokens/self', { as: secret })).status === 200;
  const killAndRestart = async () => {
    await whole.system.kill('tokens', 'SIGKILL');
    await whole.system.restart('tokens');
  };

  it('before the commit: nothing was made, the next one waits for some seconds and makes one token', async () => {
    const [json, key] = [body(), randomUUID()];
    const held = new pg.Client(whole.system.databaseUrl);
    await held.connect();
    try {
      await held.query('BEGIN; LOCK TABLE tokens.secrets IN EXCLUSIVE MODE');
      const first = outcomeOf(ask('/tokens', json, key));
      await eventually(
        async () => (await owner.query('SELECT FROM kept_answers WHERE answer IS NULL')).rows.length > 0,
      );
      await whole.system.kill('tokens', 'SIGKILL');
      expect(await first).toBe('lost');
    } finally {
      await held.end();
    }
    await whole.system.restart('tokens');
    expect(await tokensNamed(json.description)).toBe(0);

    const answer = expectStatus(await untilAnswered('/tokens', json, key), 201);
    expect(await tokensNamed(json.description)).toBe(1);
    expect(await isGood(answer.body.secret)).toBe(true);
  });

  it('after the commit and before the answer: the next one is given the secret that was made', async () => {
    const first = expectStatus(await ask('/tokens', body(), randomUUID()), 201).body;
    // A guard that does not acknowledge keeps the answer back until its lease has run out.
    await owner.query(
      `INSERT INTO guard_leases (guard, service, version, entries, hits, misses, expires_at)
       VALUES ($1, 'silent', '1', 0, 0, 0, clock_timestamp() + interval '3 s')`,
      [randomUUID()],
    );
    const [path, json, key] = [`/tokens/${first.token.id}/refresh`, { password: ADMIN_PASSWORD }, randomUUID()];
    const kept = async () => (await owner.query('SELECT FROM kept_answers WHERE answer IS NOT NULL')).rows.length;
    const before = await kept();
    const lost = outcomeOf(ask(path, json, key));
    await eventually(async () => (await kept()) > before);
    await whole.system.kill('tokens', 'SIGKILL');
    expect(await lost).toBe('lost');
    await whole.system.restart('tokens');

    const answer = expectStatus(await untilAnswered(path, json, key), 200);
    expect(answer.headers.get('idempotent-replayed')).toBe('true');
    expect(await isGood(answer.body.secret)).toBe(true);
    expectProblem(await whole.tokens('GET', '/tokens/self', { as: first.secret }), 401, 'superseded');
    const { rows } = await owner.query(`SELECT FROM events WHERE entity = $1 AND type = 'token-refreshed'`, [
      first.token.id,
    ]);
    expect(rows).toHaveLength(1);
  });

  it('at any moment: no token is lost, none is made twice, and the secret that is answered is the one', async () => {
    for (const afterMs of [0, 80]) {
      const requests = Array.from({ length: 8 }, () => ({ json: body(), key: randomUUID() }));
      const lost = Promise.allSettled(requests.map(({ json, key }) => ask('/tokens', json, key)));
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      await killAndRestart();
      const early = await lost;
      for (const [index, { json, key }] of requests.entries()) {
        const answer = expectStatus(await untilAnswered('/tokens', json, key), 201);
        expect(await tokensNamed(json.description)).toBe(1);
        expect(await isGood(answer.body.secret)).toBe(true);
        const outcome = early[index];
        if (outcome?.status === 'fulfilled' && outcome.value.status === 201) {
          expect(outcome.value.body.secret).toBe(answer.body.secret);
        }
      }
    }
  });
});
