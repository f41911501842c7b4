import { jest } from '@jest/globals';
import type { Logger } from '@nestjs/common';
import { Outage, outages } from './outage.js';

describe('what fails again and again', () => {
  let lines: string[];
  let now: number;
  let outage: Outage;

  beforeEach(() => {
    lines = [];
    now = 0;
    jest.spyOn(performance, 'now').mockImplementation(() => now);
    const say = (line: string) => lines.push(line);
    outage = new Outage('loop', { error: say, log: say } as unknown as Logger, 'nothing is read');
  });
  afterEach(() => jest.restoreAllMocks());

  it('is told once, whatever numbers its message has, and again when another cause comes', () => {
    for (let n = 0; n < 100; n++) outage.failed(new Error(`no answer to request ${n}`));
    expect(lines).toEqual(['nothing is read: no answer to request 0; it is tried again']);
    for (const cause of ['refused', 'no answer to request 7', 'refused']) outage.failed(new Error(cause));
    expect(lines).toHaveLength(2);
  });

  it('is told to work again once it has worked for a while, and what fails then is told anew', () => {
    outage.failed(new Error('refused'));
    now = 60_000;
    outage.worked();
    outage.failed(new Error('refused'));
    now = 64_000;
    outage.worked();
    now = 66_000;
    outage.worked();
    expect(lines).toHaveLength(1);
    expect(outage.isUnderWay).toBe(true);
    now = 69_000;
    outage.worked();
    outage.worked();
    expect(lines.slice(1)).toEqual(['works again, after 64 s (2 tries failed)']);
    expect(outages()).toContain(outage);
    expect(outage.isUnderWay).toBe(false);
    outage.failed(new Error('refused'));
    expect(lines).toHaveLength(3);
  });

  it('is tried again after waits that double up to two seconds', () => {
    expect([1, 2, 3, 4].map(() => outage.failed(new Error('refused')))).toEqual([500, 1000, 2000, 2000]);
  });
});
