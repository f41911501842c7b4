import { randomUUID } from 'node:crypto';
import { jetstreamManager } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { LEASE_MS } from '@tokenlog/contracts/guard/heartbeat.js';
import type { VerifyReply } from '@tokenlog/contracts/tokens/verify.js';
import pg from 'pg';
import { eventually } from '../../../test/support/eventually.js';
import { GuardsUnderTest, type Name, subject, timed } from '../testing/guards-under-test.js';
import { forgetDeadGuards } from './guard-leases.js';

describe('guards and their names', () => {
  let guards: GuardsUnderTest;

  beforeAll(async () => {
    guards = await GuardsUnderTest.start();
  });
  afterEach(() => guards.clear());
  afterAll(() => guards?.stop());

  const sql = (text: string, values?: unknown[]) => guards.sql(text, values);
  const issue = () => guards.issue();
  const natsAs = (name: Name) => guards.natsAs(name);
  const beat = (nats: NatsConnection, name: Name, more?: object) => guards.beat(nats, name, more);

  describe('a guard with a user of its own', () => {
    it('needs no more than its URL: it asks, holds its lease, forgets what is revoked and reports, under its name', async () => {
      const verifier = await guards.startGuard('one');
      const { tokenId, secret } = await issue();
      await eventually(async () => {
        expect(await verifier.verify({ credential: secret })).toMatchObject({ active: true });
        expect(verifier.recall({ credential: secret })).toMatchObject({ active: true });
      });
      expect(await sql('SELECT name, service FROM guard_leases')).toEqual([{ name: 'one', service: 'one' }]);
      expect(await timed(() => guards.revoke(tokenId))).toBeLessThan(LEASE_MS);
      expect(await verifier.verify({ credential: secret })).toEqual({ active: false, reason: 'revoked' });
      await eventually(async () => {
        const told = await sql(
          `SELECT stream, part->>'service' AS service FROM events, jsonb_array_elements(data->'breakdown') AS part
           WHERE entity = $1 AND type = 'token-used'`,
          [tokenId],
        );
        expect(new Set(told.map((row) => row.service))).toEqual(new Set(['one']));
        expect(told.some((row) => row.stream.startsWith('uses-guard-'))).toBe(true);
      });
    });

    it('cannot say that it is another one, in what it asks', async () => {
      const { tokenId, secret } = await issue();
      const nats = await natsAs('one');
      const question = JSON.stringify({ credential: secret, service: 'two' });
      const reply = (await nats.request('tokens.verify.one', question)).json<VerifyReply>();
      expect(reply).toMatchObject({ active: true });
      const [{ data }] = await sql(`SELECT data FROM events WHERE entity = $1 AND type = 'token-used'`, [tokenId]);
      expect(data.breakdown).toEqual([expect.objectContaining({ service: 'one' })]);
      await expect(nats.request('tokens.verify.two', question)).rejects.toThrow(/[Pp]ermissions/);
    });
  });

  describe('acknowledgements', () => {
    it.each([
      ['a guard with another name', 'two', 'one'],
      ['those that share a user', null, 'one'],
      ['a guard with a name, in the place of those that share a user', 'one', null],
    ] as const)('of %s do not end the wait for a lease that is not theirs', async (_who, forger, holder) => {
      const [forging, holding] = [await natsAs(forger), await natsAs(holder)];
      const guard = randomUUID();
      expect(await beat(holding, holder, { guard })).toEqual({ granted: true });
      guards.acknowledge(forging, forger, guard);
      await forging.flush();
      const waiting = guards.caching.forget({ all: true });
      let isOver = false;
      void waiting.then(() => {
        isOver = true;
      });
      // The forger hears the repetitions too, and answers them before this.
      await eventually(async () => {
        await forging.flush();
        expect(
          await sql("SELECT 1 FROM guard_leases WHERE expires_at < clock_timestamp() + interval '1 second'"),
        ).toHaveLength(1);
      });
      expect(isOver).toBe(false);
      await waiting;
      expect(await sql('SELECT 1 FROM guard_leases WHERE expires_at > clock_timestamp()')).toEqual([]);
    });

    it('of its own guard end it at once', async () => {
      const nats = await natsAs('one');
      const guard = randomUUID();
      await beat(nats, 'one', { guard });
      guards.acknowledge(nats, 'one', guard);
      await nats.flush();
      await guards.caching.forget({ all: true });
      expect(await sql('SELECT 1 FROM guard_leases WHERE expires_at > clock_timestamp()')).toHaveLength(1);
    });
  });

  describe('leases', () => {
    it.each(['two', null] as const)('are renewed and given back by their own guard alone, not by %s', async (other) => {
      const guard = randomUUID();
      await beat(await natsAs('one'), 'one', { guard });
      const stranger = await natsAs(other);
      expect(await beat(stranger, other, { guard, leaving: true })).toEqual({
        granted: false,
        refused: 'another-name',
      });
      expect(await sql('SELECT 1 FROM guard_leases WHERE expires_at > clock_timestamp()')).toHaveLength(1);
    });

    it.each([
      ['one', 50],
      [null, 100],
    ] as const)('of %s are bounded, and those that are given back make room', async (name, most) => {
      const nats = await natsAs(name);
      await sql(
        `INSERT INTO guard_leases (guard, name, service, version, entries, hits, misses, expires_at)
         SELECT gen_random_uuid(), $1, 'x', '0', 0, 0, 0, now() + interval '1 minute' FROM generate_series(1, $2)`,
        [name, most - 10],
      );
      const ids = Array.from({ length: 30 }, () => randomUUID());
      const answers = await Promise.all(ids.map((guard) => beat(nats, name, { guard })));
      expect(answers.filter(({ granted }) => granted)).toHaveLength(10);
      expect(answers.find(({ granted }) => !granted)).toEqual({ granted: false, refused: 'too-many' });
      expect(await beat(await natsAs('two'), 'two')).toEqual({ granted: true });
      const held = ids[answers.findIndex(({ granted }) => granted)];
      await beat(nats, name, { guard: held, leaving: true });
      expect(await beat(nats, name)).toEqual({ granted: true });
    });

    it('of guards that come and go do not fill their table', async () => {
      const nats = await natsAs('one');
      for (let round = 0; round < 70; round++) {
        const guard = randomUUID();
        await beat(nats, 'one', { guard });
        await beat(nats, 'one', { guard, leaving: true });
      }
      expect((await sql('SELECT 1 FROM guard_leases')).length).toBeLessThanOrEqual(51);
    });

    it('are given one at a time, so that no flood of made-up guards takes the database away from others', async () => {
      const nats = await natsAs('one');
      // Not one of the service's connections, which the flood has all to itself.
      const watcher = new pg.Client(guards.service.database.url);
      await watcher.connect();
      let isOver = false;
      const flood = Promise.all(Array.from({ length: 1000 }, () => beat(nats, 'one'))).finally(() => {
        isOver = true;
      });
      const waiting: number[] = [];
      while (!isOver) {
        const locked = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
        waiting.push((await watcher.query(locked)).rows[0].n);
      }
      await watcher.end();
      const answers = await flood;
      // Each is answered, by a word where it has no room or no time for it.
      expect(answers.filter(({ granted, refused }) => !granted && refused !== 'too-many')).toEqual([]);
      const granted = answers.filter((each) => each.granted).length;
      expect([granted > 0, granted <= 50]).toEqual([true, true]);
      expect(Math.max(...waiting)).toBe(0);
    });

    it('of guards that are gone are forgotten by the service itself', async () => {
      await beat(await natsAs('one'), 'one');
      await sql(`UPDATE guard_leases SET expires_at = now() - interval '61 minutes'`);
      await forgetDeadGuards(guards.service.store.pool);
      expect(await sql('SELECT 1 FROM guard_leases')).toEqual([]);
    });
  });

  describe('reports of uses', () => {
    const now = () => new Date().toISOString();
    const ago = (milliseconds: number) => new Date(Date.now() - milliseconds).toISOString();
    const DAY = 86_400_000;
    const useCount = async (id: string) =>
      Number((await sql('SELECT use_count FROM token_usage WHERE token_id = $1', [id]))[0]?.use_count ?? 0);
    let reports = 0;
    const report = async (nats: NatsConnection, name: Name, uses: object[]) => {
      const id = headers();
      id.set('Nats-Msg-Id', `test-${reports++}`);
      const body = JSON.stringify({ guard: randomUUID(), report: 1, service: 'made-up', uses });
      const reply = await nats.request(subject(name, 'uses'), body, { headers: id, timeout: 5000 });
      expect(reply.json()).not.toHaveProperty('error');
    };
    /** Resolves when all reports so far have been looked at. */
    const settled = async () => {
      const { streams } = await jetstreamManager(await guards.connect(guards.service.nats.urls.tokens), {
        checkAPI: false,
      });
      await eventually(async () => expect((await streams.info('GUARD_USES')).state.messages).toBe(0));
    };
    const part = (count: number, ip: string | null = null) => [{ ip, count }];

    const impossible: [string, () => object][] = [
      ['that lie in the year 2999', () => ({ firstAt: now(), lastAt: '2999-01-01T00:00:00Z', breakdown: part(1) })],
      ['that lie in the future', () => ({ firstAt: ago(-DAY), lastAt: ago(-DAY), breakdown: part(1) })],
      ['from 1990', () => ({ firstAt: '1990-01-01T00:00:00Z', lastAt: '1990-01-01T00:00:00Z', breakdown: part(1) })],
      ['older than a report is kept', () => ({ firstAt: ago(8 * DAY), lastAt: ago(8 * DAY), breakdown: part(1) })],
      ['that end before they begin', () => ({ firstAt: now(), lastAt: ago(1000), breakdown: part(1) })],
      ['that go on for longer than any report', () => ({ firstAt: ago(DAY), lastAt: now(), breakdown: part(1) })],
      ['by the ten million', () => ({ firstAt: ago(500), lastAt: now(), breakdown: part(10_000_000) })],
      [
        'by the ten million, in parts',
        () => ({ firstAt: ago(500), lastAt: now(), breakdown: Array.from({ length: 10 }, () => part(1_000_000)[0]) }),
      ],
      ['more than fit into their time', () => ({ firstAt: ago(1), lastAt: ago(1), breakdown: part(100_000) })],
    ];
    it.each(impossible)('count nothing of uses %s', async (_what, use) => {
      const { tokenId, secret } = await issue();
      const nats = await natsAs('one');
      await nats.request('tokens.verify.one', JSON.stringify({ credential: secret }));
      for (const [who, name] of [
        [nats, 'one'],
        [await natsAs(null), null],
      ] as const) {
        await report(who, name, [{ tokenId, ...use() }]);
      }
      await settled();
      expect(await useCount(tokenId)).toBe(1);
    });

    it('count what a busy guard can do, on a clock that is somewhat off, and later than usual', async () => {
      const { tokenId, secret } = await issue();
      const nats = await natsAs('one');
      await nats.request('tokens.verify.one', JSON.stringify({ credential: secret }));
      await report(nats, 'one', [
        { tokenId, firstAt: ago(500), lastAt: now(), breakdown: part(750_000, '2001:DB8::0007') },
      ]);
      await report(nats, 'one', [
        { tokenId, firstAt: ago(-60_000), lastAt: ago(-60_500), breakdown: part(10, 'not an ip <script>') },
      ]);
      await report(await natsAs(null), null, [
        { tokenId, firstAt: ago(6 * DAY), lastAt: ago(6 * DAY), breakdown: part(5) },
      ]);
      await settled();
      expect(await useCount(tokenId)).toBe(1 + 750_000 + 10 + 5);
      const told = await sql(
        `SELECT data FROM events WHERE entity = $1 AND stream LIKE 'uses-guard-%' ORDER BY position`,
        [tokenId],
      );
      const parts = told.flatMap(({ data }) => data.breakdown);
      expect(parts.map(({ service, ip }) => [service, ip]).toSorted()).toEqual([
        ['made-up', null],
        ['one', null],
        ['one', '2001:db8::7'],
      ]);
      for (const { data } of told) expect(Date.parse(data.lastAt)).toBeLessThanOrEqual(Date.now());
    });

    it('of a guard with a name count for tokens that it was answered for, and for no others', async () => {
      const [mine, others] = [await issue(), await issue()];
      const [one, two] = [await natsAs('one'), await natsAs('two')];
      await one.request('tokens.verify.one', JSON.stringify({ credential: mine.secret }));
      await two.request('tokens.verify.two', JSON.stringify({ credential: others.secret }));
      // Refused: it has seen the text, and not that it is good.
      await one.request('tokens.verify.one', JSON.stringify({ credential: others.secret, scopes: ['nothing'] }));
      const use = (tokenId: string) => ({ tokenId, firstAt: ago(100), lastAt: now(), breakdown: part(3) });
      await report(one, 'one', [use(others.tokenId), use(randomUUID()), use(mine.tokenId)]);
      await settled();
      expect([await useCount(mine.tokenId), await useCount(others.tokenId)]).toEqual([4, 1]);
    });

    it('are taken from no other guard’s subject', async () => {
      const nats = await natsAs('one');
      await expect(nats.request(subject('two', 'uses'), '{}')).rejects.toThrow(/[Pp]ermissions/);
    });
  });
});
