import fc from 'fast-check';
import { type Meter, perHour, perQuarterHour, type Rule, takeTry } from './meter.js';

/** How many of the tries at these times (ms) are let through, and when. */
function through(rule: Rule, times: readonly number[]): number[] {
  let meter: Meter = { points: 0, since: 0 };
  return times.filter((now) => {
    const taken = takeTry(rule, meter, now);
    if ('waitMs' in taken) return false;
    meter = taken.meter;
    return true;
  });
}
const MINUTE = 60_000;

describe('a meter', () => {
  it('lets so many through at once, and the next when it said', () => {
    for (const rule of [perQuarterHour(10), perHour(100), perHour(1), perQuarterHour(1)]) {
      let meter: Meter = { points: 0, since: 0 };
      for (let n = 0; n < rule.limit; n++) {
        const taken = takeTry(rule, meter, 5000);
        meter = 'meter' in taken ? taken.meter : meter;
        expect(taken).toHaveProperty('meter');
      }
      const refused = takeTry(rule, meter, 5000);
      const wait = 'waitMs' in refused ? refused.waitMs : 0;
      expect(wait).toBeGreaterThan(0);
      expect(takeTry(rule, meter, 5000 + wait - 2)).toHaveProperty('waitMs');
      expect(takeTry(rule, meter, 5000 + wait + 2)).toHaveProperty('meter');
    }
  });

  it('of a quarter of an hour starts anew all at once', () => {
    const times = [...Array(20).fill(0), ...Array(20).fill(14 * MINUTE), ...Array(20).fill(15 * MINUTE)];
    expect(through(perQuarterHour(10), times)).toEqual([...Array(10).fill(0), ...Array(10).fill(15 * MINUTE)]);
  });

  it('of an hour slows rather than shuts: whoever goes on has one try every 72 s', () => {
    const rule = perHour(100);
    const everySecond = Array.from({ length: 3600 }, (_, second) => second * 1000);
    expect(through(rule, everySecond).slice(0, 50)).toEqual(everySecond.slice(0, 50));
    const later = through(rule, everySecond).slice(52);
    for (let n = 1; n < later.length; n++) expect((later[n] ?? 0) - (later[n - 1] ?? 0)).toBeLessThanOrEqual(73_000);
  });

  it('lets no more through in any hour, however they come', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 4 * MINUTE }), { maxLength: 400 });
    fc.assert(
      fc.property(gaps, fc.integer({ min: 2, max: 100 }), (between, limit) => {
        let now = 0;
        const times = between.map((gap) => {
          now += gap;
          return now;
        });
        const passed = through(perHour(limit), times);
        for (const from of passed) {
          expect(passed.filter((at) => at >= from && at < from + 60 * MINUTE).length).toBeLessThanOrEqual(limit);
        }
      }),
    );
  });

  it('keeps nobody out for longer when the clock is set back', () => {
    const refused = takeTry(perQuarterHour(1), { points: 1, since: 10 * 60 * MINUTE }, 0);
    expect(refused).toEqual({ waitMs: 15 * MINUTE });
  });
});
