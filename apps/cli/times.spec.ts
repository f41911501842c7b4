import { absolute, lengthOf, parseExpiry, parsePast, parseSeconds, relative, TimeError } from './times.js';

const now = new Date('2027-01-31T10:00:00.000Z');
const DAY = 86_400_000;

describe('times that people type', () => {
  it.each([
    ['90d', '2027-05-01T10:00:00.000Z'],
    ['12w', '2027-04-25T10:00:00.000Z'],
    ['1mo', '2027-02-28T10:00:00.000Z'],
    ['6mo', '2027-07-31T10:00:00.000Z'],
    ['1y', '2028-01-31T10:00:00.000Z'],
    ['2027-03-01', '2027-03-01T23:59:59.999Z'],
    ['2027-03-01T08:00:00+02:00', '2027-03-01T06:00:00.000Z'],
    ['never', null],
  ])('S9 an expiry %s', (text, expected) => {
    expect(parseExpiry(text, now)).toBe(expected);
  });

  it.each(['', 'soon', '1', '-1d', '2027-02-31', '2027-13-01', '9999y', '2027-02-31T00:00:00Z', '31.12.2027'])(
    'refuses %j as an expiry',
    (text) => {
      expect(() => parseExpiry(text, now)).toThrow(TimeError);
    },
  );

  it.each([
    ['2h', '2027-01-31T08:00:00.000Z'],
    ['1mo', '2026-12-31T10:00:00.000Z'],
    ['2027-01-01', '2027-01-01T00:00:00.000Z'],
    ['2027-01-01T01:00Z', '2027-01-01T01:00:00.000Z'],
  ])('a time of the past %s', (text, expected) => {
    expect(parsePast(text, now)).toBe(expected);
  });

  it.each([
    ['90s', 90],
    ['30m', 1800],
    ['24h', 86_400],
    ['1w', 604_800],
  ])('a length of time %s', (text, seconds) => {
    expect(parseSeconds(text)).toBe(seconds);
  });

  it.each(['1mo', '1y', '30', 'h'])('refuses %j as a length of time', (text) => {
    expect(() => parseSeconds(text)).toThrow(TimeError);
  });
});

describe('times that people read', () => {
  it.each([
    [0, 'just now'],
    [-999, 'just now'],
    [-1000, '1 second ago'],
    [-3 * 60_000, '3 minutes ago'],
    [5 * DAY + 1, 'in 5 days'],
    [400 * DAY, 'in 400 days'],
    [800 * DAY, 'in 2 years'],
  ])('%d ms from now: %s', (distance, expected) => {
    expect(relative(new Date(now.getTime() + distance).toISOString(), now)).toBe(expected);
  });

  it('never promise longer than it lasts', () => {
    expect(lengthOf(2 * DAY - 1)).toBe('1 day');
  });

  it('are in UTC and say so', () => {
    expect(absolute('2027-01-31T12:00:00.500+02:00')).toBe('2027-01-31 10:00:00Z');
  });
});
