import fc from 'fast-check';
import { z } from 'zod';
import { instant } from './instant.js';
import { readInstant } from './read-instant.js';

describe('an instant', () => {
  it.each([
    ['2027-01-31T09:26:53.589Z', '2027-01-31T09:26:53.589Z'],
    ['2027-01-31T09:26:53Z', '2027-01-31T09:26:53.000Z'],
    ['2027-01-31t09:26:53z', '2027-01-31T09:26:53.000Z'],
    ['2027-01-31t09:26:53.5+01:00', '2027-01-31T08:26:53.500Z'],
    ['2027-01-31 09:26:53z', '2027-01-31T09:26:53.000Z'],
    ['2027-01-31T09:26:53.123456789012345Z', '2027-01-31T09:26:53.123Z'],
    ['2027-01-31T09:26:53-00:00', '2027-01-31T09:26:53.000Z'],
    ['2027-01-31T23:59:59+23:59', '2027-01-31T00:00:59.000Z'],
    ['2016-12-31T23:59:60Z', '2017-01-01T00:00:00.000Z'],
    ['2016-12-31t23:59:60.5z', '2017-01-01T00:00:00.500Z'],
    ['1990-12-31T15:59:60-08:00', '1991-01-01T00:00:00.000Z'],
    ['2015-07-01T05:29:60+05:30', '2015-07-01T00:00:00.000Z'],
  ])('RFC 3339: %s is %s', (text, read) => {
    expect(instant.parse(text)).toBe(read);
  });

  it.each([
    ...['', '2027-01-31', '2027-01-31T09:26Z', '2027-01-31T09:26:53', '2027-02-30T00:00:00Z', '2027-01-31T24:00:00Z'],
    ...['2027-01-31T09:26:60Z', '2027-01-30T23:59:60Z', '2027-01-31T23:59:61Z', '2016-12-31T23:59:60+01:00'],
    ...['0000-01-01T00:00:00Z', '0001-01-01T00:00:00+23:59', '9999-12-31T23:59:59-23:59', '9999-12-31T23:59:60Z'],
    ...['+010000-01-01T00:00:00Z', '2027-01-31T09:26:53.Z', '2027-01-31  09:26:53Z', '２027-01-31T09:26:53Z', 'now'],
  ])('%j is none', (text) => {
    expect(instant.safeParse(text).error?.issues[0]?.message).toContain('RFC 3339');
    expect(readInstant(text)).toBe(null);
  });

  it('every form of a time is that time, and what was read reads as itself', () => {
    const time = fc.date({
      min: new Date('0001-01-02T00:00:00Z'),
      max: new Date('9999-12-30T00:00:00Z'),
      noInvalidDate: true,
    });
    const minutes = fc.integer({ min: -23 * 60, max: 23 * 60 });
    fc.assert(
      fc.property(time, minutes, fc.constantFrom('T', 't', ' '), (at, offset, letter) => {
        const local = new Date(at.getTime() + offset * 60_000).toISOString().slice(0, -1).replace('T', letter);
        const two = (part: number) => String(part).padStart(2, '0');
        const [sign, size] = [offset < 0 ? '-' : '+', Math.abs(offset)];
        const text = `${local}${sign}${two(Math.floor(size / 60))}:${two(size % 60)}`;
        expect(readInstant(text)).toBe(at.toISOString());
        expect(readInstant(at.toISOString())).toBe(at.toISOString());
      }),
    );
  });

  it('is one exactly where the calendar has it', () => {
    const digits = (length: number) => fc.stringMatching(new RegExp(`^\\d{${length}}$`));
    const parts = fc.tuple(digits(4), fc.nat(13), fc.nat(32), fc.nat(24), fc.nat(60), fc.nat(59));
    const byZod = z.iso.datetime({ offset: true });
    fc.assert(
      fc.property(parts, fc.constantFrom('Z', '+00:00', '+24:00', '+00:60', ''), ([year, ...rest], offset) => {
        const [month, day, hour, minute, second] = rest.map((part) => String(part).padStart(2, '0'));
        const text = `${year}-${month}-${day}T${hour}:${minute}:${second}${offset}`;
        expect(readInstant(text) !== null).toBe(byZod.safeParse(text).success && year !== '0000');
      }),
      { numRuns: 2_000 },
    );
  });

  it('is a date-time in a JSON schema, of requests and of answers', () => {
    for (const io of ['input', 'output'] as const) {
      expect(z.toJSONSchema(instant, { io })).toMatchObject({ type: 'string', format: 'date-time' });
    }
  });
});
