import { randomUUID } from 'node:crypto';
import { LEASE_MS } from '@tokenlog/contracts/guard/heartbeat.js';
import { eventually } from '../../../test/support/eventually.js';
import { GuardsUnderTest, type Name, timed, warm } from '../testing/guards-under-test.js';

/** Guards that have a user of their own, and those that share one. */
const names = ['one', null] as const;
type Work = (guards: GuardsUnderTest, name: Name) => Promise<void>;

describe('a made-up guard', () => {
  /** For each name a service of its own, so that what waits for the one's leases does not wait for the other's. */
  const under = new Map<Name, GuardsUnderTest>();

  beforeAll(async () => {
    await Promise.all(names.map(async (name) => under.set(name, await GuardsUnderTest.start())));
  });
  afterAll(() => Promise.all([...under.values()].map((guards) => guards.stop())));

  /** Does the work for each name at once, as most of it is waiting; each test sees what came of its own. */
  const forEachName = (work: Work) => {
    let begun: Map<Name, Promise<void>> | undefined;
    const begin = async (name: Name) => {
      const guards = under.get(name)!;
      await work(guards, name).finally(() => guards.clear());
    };
    return (name: Name) => {
      begun ??= new Map(names.map((each) => [each, begin(each)]));
      // Until its own test comes to it.
      for (const each of begun.values()) each.catch(() => undefined);
      return begun.get(name);
    };
  };

  describe('that renews and never acknowledges', () => {
    it.each(names)(
      'of %s slows one revocation; under however many ids, it has no lease for the next ones',
      forEachName(async (guards, name) => {
        const good = await guards.natsAs('two');
        const goodGuard = randomUUID();
        const nats = await guards.natsAs(name);
        const steady = randomUUID();
        const flooding = guards.flood(name, steady);
        await eventually(async () =>
          expect((await guards.sql('SELECT 1 FROM guard_leases WHERE NOT fenced')).length).toBeGreaterThan(2),
        );
        const first = await guards.issue();
        await guards.revoke(first.tokenId);
        expect(await guards.beat(nats, name, { guard: steady })).toMatchObject({ granted: false });
        for (let revocations = 0; revocations < 5; revocations++) {
          const { tokenId } = await guards.issue();
          await guards.revoke(tokenId);
          // Nobody was waited for: nobody has a lease of whom it could be said.
          expect(await guards.sql('SELECT 1 FROM guard_leases WHERE expires_at > clock_timestamp()')).toEqual([]);
        }
        expect(await guards.beat(nats, name)).toEqual({ granted: false, refused: 'unproven' });
        expect(await guards.beat(good, 'two', { guard: goodGuard })).toEqual({ granted: true });
        await flooding();
      }),
    );

    it.each(names)(
      'of %s takes nothing from honest ones of the same user: they go on, and begin, and are waited for a moment only',
      forEachName(async (guards, name) => {
        const before = await guards.startGuard(name);
        const token = await guards.issue();
        await warm(before, token.secret);
        const flooding = guards.flood(name);
        await eventually(async () =>
          expect((await guards.sql('SELECT 1 FROM guard_leases WHERE NOT fenced')).length).toBeGreaterThan(2),
        );
        await guards.revoke((await guards.issue()).tokenId);
        const after = await guards.startGuard(name);
        await Promise.all([warm(before, token.secret), warm(after, token.secret)]);
        // What was begun before anybody had done anything wrong is over.
        await eventually(async () =>
          expect(
            await guards.sql('SELECT 1 FROM guard_leases WHERE NOT proven AND expires_at > clock_timestamp()'),
          ).toEqual([]),
        );
        expect(await timed(() => guards.revoke(token.tokenId))).toBeLessThan(LEASE_MS);
        for (const guard of [before, after]) {
          expect(await guard.verify({ credential: token.secret })).toEqual({ active: false, reason: 'revoked' });
        }
        await flooding();
      }),
    );

    it.each(names)(
      'of %s under one id loses its lease, and has no other until it acknowledges',
      forEachName(async (guards, name) => {
        const nats = await guards.natsAs(name);
        await guards.sql(`INSERT INTO guard_standing (name, faults, barred_until) VALUES ($1, 1, now())`, [name ?? '']);
        const guard = randomUUID();
        expect(await guards.beat(nats, name, { guard })).toEqual({ granted: false, refused: 'unproven' });
        expect(await timed(() => guards.caching.forget({ all: true }))).toBeLessThan(LEASE_MS);
        guards.acknowledge(nats, name, guard);
        expect(await guards.beat(nats, name, { guard })).toEqual({ granted: true });
        // Shown once: the next time it is not asked.
        expect(await timed(() => guards.beat(nats, name, { guard }))).toBeLessThan(500);
      }),
    );

    it.each(names)(
      'of %s that was killed, or cut off so that it was not heard, did nothing wrong',
      forEachName(async (guards, name) => {
        const nats = await guards.natsAs(name);
        await guards.beat(nats, name);
        await guards.caching.forget({ all: true });
        expect(await guards.sql('SELECT 1 FROM guard_standing WHERE faults > 0')).toEqual([]);
        expect(await guards.beat(nats, name)).toEqual({ granted: true });
      }),
    );
  });

  describe('that acknowledges when it is tried, and not when it matters', () => {
    it.each(names)(
      'of %s waits longer after each time but the first ones, up to ten minutes, and is forgiven after an hour',
      forEachName(async (guards, name) => {
        const nats = await guards.natsAs(name);
        const free = name === null ? 4 : 2;
        const row = async () =>
          (
            await guards.sql(
              'SELECT faults, extract(epoch FROM barred_until - clock_timestamp())::float8 AS left FROM guard_standing WHERE faults > 0',
            )
          )[0];
        const fault = async () => {
          await guards.sql('UPDATE guard_standing SET barred_until = now() WHERE barred_until > now()');
          const guard = randomUUID();
          const trying = guards.acknowledge(nats, name, guard);
          expect(await guards.beat(nats, name, { guard })).toEqual({ granted: true });
          trying.unsubscribe();
          await nats.flush();
          await guards.sql(`UPDATE guard_leases SET expires_at = now() + interval '3 seconds' WHERE guard = $1`, [
            guard,
          ]);
          await guards.caching.forget({ all: true });
          return row();
        };
        await guards.sql(
          `INSERT INTO guard_standing (name, faults, barred_until) VALUES ($1, $2, now())
         ON CONFLICT (name) DO UPDATE SET faults = $2, barred_until = now()`,
          [name ?? '', free - 1],
        );
        expect(await fault()).toMatchObject({ faults: free });
        expect((await row()).left).toBeLessThan(0);
        const [one, two] = [await fault(), await fault()];
        expect(two.left).toBeGreaterThan(one.left * 1.5);
        expect(await guards.beat(nats, name)).toEqual({ granted: false, refused: 'barred' });
        await guards.sql('UPDATE guard_standing SET faults = 30');
        const last = await fault();
        expect(last.left).toBeGreaterThan(500);
        expect(last.left).toBeLessThan(700);
        await guards.sql(`UPDATE guard_standing SET barred_until = now() - interval '61 minutes'`);
        expect(await fault()).toMatchObject({ faults: 1 });
      }),
    );

    it.each(names)(
      'of %s takes no lease away from those that have one and acknowledge',
      forEachName(async (guards, name) => {
        const nats = await guards.natsAs(name);
        const guard = randomUUID();
        await guards.beat(nats, name, { guard });
        guards.acknowledge(nats, name, guard);
        await guards.sql(
          `INSERT INTO guard_standing (name, faults, barred_until) VALUES ($1, 5, now() + interval '1 hour')
         ON CONFLICT (name) DO UPDATE SET faults = 5, barred_until = excluded.barred_until`,
          [name ?? ''],
        );
        expect(await guards.beat(nats, name, { guard })).toEqual({ granted: true });
        expect(await guards.beat(nats, name)).toEqual({ granted: false, refused: 'barred' });
      }),
    );
  });
});
