import { jetstreamManager } from '@nats-io/jetstream';
import type { IdentityEvent } from '@tokenlog/contracts/identity/identity-events.js';
import type { VerifyRequest } from '@tokenlog/contracts/tokens/verify.js';
import { subscriptionBehind } from '@tokenlog/event-store/behind.js';
import type { RecordedEvent } from '@tokenlog/event-store/event.js';
import { connectNats } from '@tokenlog/platform/nats.js';
import { v7 } from 'uuid';
import { eventually } from '../../test/support/eventually.js';
import { type Statement, statementsDuring } from '../../test/support/statements.js';
import { CONFIG, type Config } from './config/config.js';
import { react } from './identity/reaction.js';
import { tokenTable } from './table/token-table.js';
import { call } from './testing/http.js';
import { startTokenService, type TestTokenService, type TestUser } from './testing/token-service.js';
import { CreateToken } from './verbs/create-token.js';
import { RevokeToken } from './verbs/revoke-token.js';
import { Verifier } from './verification/verifier.js';

/** What the service does by itself at any time: publishing, and looking after keys, partitions, expiries and the clock. */
const READING = /^SELECT shown.* FROM events WHERE transaction_id >= .* LIMIT/s;
const CHECKPOINT = /checkpoints/;
const BACKGROUND = [
  READING,
  CHECKPOINT,
  /static_keys/,
  /pepper_holders/,
  /pg_stat_activity/,
  /ensure_periods/,
  /expiries/,
  /AS now$/,
  /AS unread$/,
  /FROM checkpoints/,
  /^(BEGIN|COMMIT)/,
];

describe('by the count of PostgreSQL', () => {
  let service: TestTokenService;
  let ada: TestUser;

  beforeAll(async () => {
    service = await startTokenService();
    ada = await service.register('ada');
  });
  afterAll(() => service.stop());

  const issue = () =>
    service.commands.execute(
      new CreateToken(service.caller(ada), { userId: ada.id, description: 'export', scopes: ['rest'] }, 'right'),
    );
  const requestsFor = async (count: number) => {
    const requests: VerifyRequest[] = [];
    // No more at once than the pool has connections for: the rest would wait for one, and not for ever.
    while (requests.length < count) {
      const secrets = await Promise.all(Array.from({ length: Math.min(10, count - requests.length) }, issue));
      for (const { secret } of secrets) {
        requests.push({ credential: secret, scopes: ['rest'], service: 'reports', ip: '192.0.2.7' });
      }
    }
    return requests;
  };
  /** As requests that come with one read of the socket. */
  const verifyTogether = (requests: readonly VerifyRequest[]) => {
    const verifier = service.app.get(Verifier, { strict: false });
    return Promise.all(requests.map((request) => verifier.verify(request)));
  };
  /** By its place, a snapshot: what committed late is behind it too, wherever it stands. */
  const published = () =>
    eventually(async () => (await subscriptionBehind(service.store.pool, 'publisher')).events === 0);
  /** Between two moments at which everything is published. */
  const during = async (work: () => Promise<unknown>) => {
    await published();
    return statementsDuring(service.database.url, async () => {
      await work();
      await published();
    });
  };
  const ofTheWork = (statements: readonly Statement[]) =>
    statements.filter(({ text }) => !BACKGROUND.some((pattern) => pattern.test(text)));
  const callsOf = (statements: readonly Statement[], pattern: RegExp) =>
    statements.filter(({ text }) => pattern.test(text)).reduce((sum, { calls }) => sum + calls, 0);

  it.each([1, 64, 300])('%i verifications that arrive together are one statement', async (count) => {
    const requests = await requestsFor(count);
    const statements = await during(async () => {
      const replies = await verifyTogether(requests);
      expect(replies.filter(({ active }) => active)).toHaveLength(count);
    });
    expect(ofTheWork(statements)).toEqual([expect.objectContaining({ calls: 1, rows: count })]);
  });

  it('a verification of what is unknown is one statement too, and of what is malformed none', async () => {
    const unknown = await during(() => service.verify({ id: v7(), proof: 'x'.repeat(43) }));
    expect(ofTheWork(unknown)).toEqual([expect.objectContaining({ calls: 1, rows: 1 })]);
    expect(ofTheWork(await during(() => service.verify({ credential: 'tkl_malformed' })))).toEqual([]);
  });

  it('publishing reads each event once, and moves its checkpoint once for those of a batch', async () => {
    const requests = await requestsFor(64);
    const statements = await during(() => verifyTogether(requests));
    const reading = statements.filter(({ text }) => READING.test(text));
    // A reading that finds nothing is a row too, which says up to where.
    const [rows, calls] = [
      reading.reduce((sum, one) => sum + one.rows, 0),
      reading.reduce((sum, one) => sum + one.calls, 0),
    ];
    expect(rows).toBeGreaterThanOrEqual(64);
    expect(rows).toBeLessThan(64 + calls);
    expect(callsOf(statements, /^INSERT INTO checkpoints/)).toBe(1);
  });

  it('a revocation that ends a session is one transaction of these statements', async () => {
    const { tokenId, secret } = await issue();
    await call(service, 'POST', '/sessions', { as: secret });
    const statements = await during(() =>
      service.commands.execute(new RevokeToken(service.caller(ada), tokenId, ada.id, { password: 'right' })),
    );
    expect(Object.fromEntries(ofTheWork(statements).map(({ text, calls }) => [inShort(text), calls]))).toEqual({
      // The token, and its session.
      'SELECT events': 2,
      'SELECT tokens': 1,
      'SELECT sessions': 1,
      'INSERT events': 1,
      'UPDATE tokens': 1,
      'UPDATE sessions': 1,
      // After the commit: which guards to wait for.
      'SELECT guard_leases': 1,
    });
    expect(callsOf(statements, /^COMMIT/) - callsOf(statements, /^INSERT INTO checkpoints/)).toBe(1);
  });

  it('hundreds of events of identity are applied by a few statements, whatever follows from them', async () => {
    const facts = { ...ada.facts, roles: [] };
    const users: TestUser[] = Array.from({ length: 100 }, (_, n) => ({
      id: v7(),
      version: 0,
      facts: { ...facts, username: `user-${n}` },
    }));
    const event = (
      user: TestUser,
      type: 'user-registered' | 'user-changed' | 'password-changed' | 'user-deleted',
      more: object,
    ) => ({ epoch: 0, event: { ...service.base(user), type, ...more } as IdentityEvent });
    const registered = users.map((user) => event(user, 'user-registered', { user: user.facts }));
    await service.store.transact((work) => react(work, registered, service.app.get<Config>(CONFIG).policy));
    const tokens = new Map<string, string>();
    for (const user of users.slice(0, 9)) {
      const token = { userId: user.id, description: 'export', scopes: ['rest'] };
      const { tokenId, secret } = await service.commands.execute(new CreateToken(service.caller(user), token, 'right'));
      await call(service, 'POST', '/sessions', { as: secret });
      tokens.set(user.id, tokenId);
    }
    const events = users.map((user, n) => {
      if (n % 3 === 0) return event(user, 'user-changed', { user: { ...user.facts, disabled: true } });
      if (n % 3 === 1) return event(user, 'user-deleted', { username: user.facts.username });
      return event(user, 'password-changed', { user: user.facts, tokens: 'revoke', exceptSessionId: null });
    });
    const statements = await during(() =>
      service.store.transact((work) => react(work, events, service.app.get<Config>(CONFIG).policy)),
    );
    const calls = ofTheWork(statements).reduce((sum, one) => sum + one.calls, 0);
    expect({ calls, few: calls <= 24 }).toEqual({ calls, few: true });
    const { rows } = await service.store.pool.query<{ id: string; status: string; ended: boolean }>(
      `SELECT tokens.user_id AS id, status, ended_at IS NOT NULL AS ended FROM tokens JOIN sessions ON token_id = tokens.id
       WHERE tokens.user_id = ANY($1)`,
      [[...tokens.keys()]],
    );
    const expected = users
      .slice(0, 9)
      .map(({ id }, n) => ({ id, status: ['active', 'invalid', 'revoked'][n % 3], ended: true }));
    expect(new Map(rows.map((row) => [row.id, row]))).toEqual(new Map(expected.map((row) => [row.id, row])));
  });

  it('any number of uses of a few tokens is projected by one statement', async () => {
    const tokens = [v7(), v7(), v7()];
    const lastAt = new Date().toISOString();
    const events = Array.from({ length: 5_000 }, (_, index) => {
      return { type: 'token-used', entity: tokens[index % 3], data: { count: 2, lastAt } } as unknown as RecordedEvent;
    });
    const statements = await during(() => tokenTable.project(service.store.pool, events));
    expect(ofTheWork(statements)).toEqual([expect.objectContaining({ calls: 1, rows: 3 })]);
    const { rows } = await service.store.pool.query(
      'SELECT sum(use_count)::int AS uses FROM token_usage WHERE token_id = ANY($1)',
      [tokens],
    );
    expect(rows).toEqual([{ uses: 10_000 }]);
  });

  it.each([1, 64])('each of %i uses writes at most 1,300 bytes to the write-ahead log', async (count) => {
    const requests = await requestsFor(count);
    const walBytes: number[] = [];
    for (let round = 0; round < 4; round++) {
      const [verification] = ofTheWork(await during(() => verifyTogether(requests)));
      walBytes.push((verification?.walBytes ?? Number.NaN) / count);
    }
    // The least of them: now and then a page of an index is split.
    expect(Math.min(...walBytes)).toBeLessThanOrEqual(1_300);
  });

  it('a use is at most 500 bytes in the log, and at most 700 in the stream', async () => {
    const [request] = await requestsFor(1);
    const stream = async () => {
      await published();
      const observer = await connectNats(service.nats.urls.observer, 'observer', 'test-observer');
      try {
        const { state } = await (await jetstreamManager(observer, { checkAPI: false })).streams.info('TOKENS');
        return state;
      } finally {
        await observer.close();
      }
    };
    const before = await stream();
    await verifyTogether([request as VerifyRequest]);
    const after = await stream();
    expect(after.messages - before.messages).toBe(1);
    expect(after.bytes - before.bytes).toBeLessThanOrEqual(700);

    const { rows } = await service.store.pool.query(
      `SELECT pg_column_size(events.*) AS bytes FROM events WHERE type = 'token-used' ORDER BY position DESC LIMIT 1`,
    );
    expect(rows[0].bytes).toBeLessThanOrEqual(500);
  });
});

/** As `UPDATE tokens`: what a statement does first, and to which table. */
function inShort(text: string): string {
  const [, reading, insert, update] = /^(?:SELECT.*? FROM (\w+)|INSERT INTO (\w+)|UPDATE (\w+))/.exec(text) ?? [];
  return reading ? `SELECT ${reading}` : insert ? `INSERT ${insert}` : `UPDATE ${update}`;
}
