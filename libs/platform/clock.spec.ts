import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { Sql } from '@tokenlog/event-store/sql.js';
import { root } from '../../tools/paths.js';
import { DatabaseClock } from './clock.js';

const HOUR_MS = 3_600_000;

/** A database whose time is so far from this process' own. */
function databaseAt(offset: { ms: number }): Sql {
  return { query: async () => ({ rows: [{ now: performance.timeOrigin + performance.now() + offset.ms }] }) as never };
}

describe('the clock of the database', () => {
  const wallOffset = () => Date.now() - (performance.timeOrigin + performance.now());
  afterEach(() => jest.restoreAllMocks());

  it.each([0, HOUR_MS, -HOUR_MS])('is the one that is told, whatever this machine says: %i ms', async (ms) => {
    const clock = await DatabaseClock.read(databaseAt({ ms }));
    expect(Math.abs(clock.now().getTime() - (performance.timeOrigin + performance.now() + ms))).toBeLessThan(100);
    expect(Math.abs(clock.offsetMs + ms - wallOffset())).toBeLessThan(100);
  });

  it('follows a database whose clock is set', async () => {
    const offset = { ms: 0 };
    const clock = await DatabaseClock.read(databaseAt(offset));
    offset.ms = -HOUR_MS;
    await clock.measure();
    expect(Math.abs(clock.nowMs() - (performance.timeOrigin + performance.now() - HOUR_MS))).toBeLessThan(100);
  });

  it('is no less sure for an answer that was long on its way', async () => {
    const offset = { ms: 0 };
    const clock = await DatabaseClock.read(databaseAt(offset));
    const right = clock.nowMs() - performance.now();
    // The answer was made at the end of a second on its way; half of it would be 500 ms off.
    const spy = jest.spyOn(performance, 'now');
    const real = performance.now();
    spy.mockReturnValueOnce(real - 1000);
    await clock.measure();
    spy.mockRestore();
    expect(Math.abs(clock.nowMs() - performance.now() - right)).toBeLessThan(50);
  });

  it('is told of once where this machine is off, again when that changes, and when it is over', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
    const log = jest.spyOn(Logger.prototype, 'log').mockReturnValue();
    const offset = { ms: -HOUR_MS };
    const clock = await DatabaseClock.read(databaseAt(offset));
    await clock.measure();
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn).toHaveBeenCalledWith(expect.stringMatching(/3600\.\d s ahead of the database's|3599\.\d s ahead/));
    offset.ms = 2 * HOUR_MS;
    await clock.measure();
    await clock.measure();
    expect(warn).toHaveBeenCalledTimes(2);
    expect(log).not.toHaveBeenCalled();
    offset.ms = wallOffset();
    await clock.measure();
    await clock.measure();
    expect(log).toHaveBeenCalledTimes(1);
  });

  it('makes ids in their order, of its own time', async () => {
    const clock = await DatabaseClock.read(databaseAt({ ms: HOUR_MS }));
    const ids = Array.from({ length: 5000 }, () => clock.newId());
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
    const madeAt = Number.parseInt((ids[0] as string).replace('-', '').slice(0, 12), 16);
    expect(Math.abs(madeAt - clock.nowMs())).toBeLessThan(10_000);
  });
});

/** Where a process' own time of day may be looked at: log lines, since when the database is away, and the clock itself. */
const OWN_TIME = [
  'libs/platform/clock.ts',
  'libs/platform/logging.ts',
  'libs/platform/readiness.ts',
  'libs/auth/use-reports.ts',
];

it.each(
  globSync(['apps/{identity,tokens}/**/*.ts', 'libs/{platform,event-store,auth,contracts}/**/*.ts'], { cwd: root })
    .filter((file) => !/\.spec\.ts$|\/testing\//.test(file) && !OWN_TIME.includes(file))
    .sort(),
)('%s reckons by no clock but the database or a monotonic one', (file) => {
  const text = readFileSync(join(root, file), 'utf8');
  expect(text.match(/Date\.now|new Date\(\)|\bv7\(\)/g) ?? []).toEqual([]);
});
