import fc from 'fast-check';
import { DAY_MS, dueThreshold, type ExpiryWarnings } from '../config/expiry-thresholds.js';
import type { IssuedToken } from '../token/token.js';
import type { KnownUser } from '../user/users.js';
import { warnOfExpiry } from './warn-of-expiry.js';

const START = Date.UTC(2026, 0, 1);
const day = (days: number) => new Date(START + days * DAY_MS);
const token: IssuedToken = {
  status: 'active',
  userId: 'u1',
  description: 'export',
  scopes: [],
  expiresAt: day(100).toISOString(),
  secretGeneration: 1,
};
const owner: KnownUser = {
  id: 'u1',
  version: 1,
  deleted: false,
  username: 'ada',
  kind: 'person',
  roles: [],
  disabled: false,
  hasPassword: true,
  mustChangePassword: false,
  hasLoggedIn: true,
};
const expiry: ExpiryWarnings = { expiresAt: day(100), setAt: day(0), warnedDays: null };
const facts = { expiry, owner, thresholds: [30, 7, 1] };

describe('S41 the decision to warn of an expiry', () => {
  it('says which token of whom ends when, and which threshold it was', () => {
    expect(warnOfExpiry(token, { ...facts, now: day(70) })).toEqual([
      {
        type: 'token-expiring',
        data: {
          userId: 'u1',
          username: 'ada',
          description: 'export',
          expiresAt: '2026-04-11T00:00:00.000Z',
          thresholdDays: 30,
        },
      },
    ]);
  });

  it.each(['revoked', 'invalid', 'deleted'] as const)('is no for a token that is %s', (status) => {
    expect(warnOfExpiry({ ...token, status }, { ...facts, now: day(70) })).toEqual([]);
  });

  it('is no for a token that never was, one without an expiry, and one whose user is gone', () => {
    expect(warnOfExpiry({ status: 'none' }, { ...facts, now: day(70) })).toEqual([]);
    expect(warnOfExpiry(token, { ...facts, expiry: null, now: day(70) })).toEqual([]);
    expect(warnOfExpiry(token, { ...facts, owner: null, now: day(70) })).toEqual([]);
    expect(warnOfExpiry(token, { ...facts, owner: { ...owner, deleted: true }, now: day(70) })).toEqual([]);
  });
});

describe('S41 the threshold that is due', () => {
  const due = (now: number, more: Partial<ExpiryWarnings> = {}) =>
    dueThreshold({ ...expiry, ...more }, [30, 7, 1], day(now));

  it('is each one from its instant on', () => {
    expect([69.9, 70, 93, 99].map((now) => due(now))).toEqual([null, 30, 7, 1]);
  });

  it('is the nearest alone after a downtime, and none after the end', () => {
    expect([95, 99.5, 100, 100.01].map((now) => due(now))).toEqual([7, 1, 1, null]);
  });

  it('is not one that was warned of, nor one further away', () => {
    expect(
      [[92, 30] as const, [95, 7] as const, [95, 1] as const].map(([now, warnedDays]) => due(now, { warnedDays })),
    ).toEqual([null, null, null]);
    expect(due(93, { warnedDays: 30 })).toBe(7);
  });

  it('is none that lay behind when the expiry was set: a token made for 20 days is not warned of at its birth', () => {
    expect([80, 92, 93].map((now) => due(now, { setAt: day(80) }))).toEqual([null, null, 7]);
    expect(due(70, { setAt: day(70) })).toBeNull();
  });
});

/** A life of a token: at each step time goes on, and its expiry may be moved; then the service looks, if it is up. */
const step = fc.record({
  hours: fc.integer({ min: 0, max: 24 * 45 }),
  newLifetimeHours: fc.option(fc.integer({ min: 1, max: 24 * 120 }), { nil: null, freq: 4 }),
});
const thresholdLists = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 });

it('S41 warns of each threshold at most once for an expiry, of the nearest only, and misses none', () => {
  fc.assert(
    fc.property(thresholdLists, fc.integer({ min: 1, max: 24 * 120 }), fc.array(step), (thresholds, hours, steps) => {
      let now = START;
      let known: ExpiryWarnings = {
        expiresAt: new Date(now + hours * 3_600_000),
        setAt: new Date(now),
        warnedDays: null,
      };
      let warned: number[] = [];
      for (const { hours: passed, newLifetimeHours } of steps) {
        now += passed * 3_600_000;
        if (newLifetimeHours !== null) {
          const expiresAt = new Date(now + newLifetimeHours * 3_600_000);
          if (expiresAt.getTime() !== known.expiresAt.getTime()) {
            known = { expiresAt, setAt: new Date(now), warnedDays: null };
            warned = [];
          }
        }
        const passedBy = (days: number) => {
          const at = known.expiresAt.getTime() - days * DAY_MS;
          return at > known.setAt.getTime() && at <= now;
        };
        const nearest = Math.min(...thresholds.filter(passedBy));
        const ended = known.expiresAt.getTime() < now;
        // Two replicas look, or one looks twice.
        for (let look = 0; look < 2; look++) {
          const threshold = dueThreshold(known, thresholds, new Date(now));
          if (threshold === null) continue;
          expect(warned).not.toContain(threshold);
          expect(threshold).toBe(nearest);
          expect(ended).toBe(false);
          warned.push(threshold);
          known = { ...known, warnedDays: threshold };
        }
        if (!ended && nearest !== Infinity) expect(warned).toContain(nearest);
      }
      expect(warned).toEqual([...warned].sort((a, b) => b - a));
    }),
    { numRuns: 2000 },
  );
});
