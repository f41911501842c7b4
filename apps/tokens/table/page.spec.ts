import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { z } from 'zod';
import { decodeCursor, encodeCursor } from './page.js';

describe('a cursor', () => {
  const anything = z.any();

  it('of the audit, with as many open transactions as a server usually lets in, is short enough for a header', () => {
    const open = Array.from({ length: 500 }, (_, n) => 4_200_000_000 + n * 7 + (n % 3)).join(',');
    const snapshot = `4200000000:4200009999:${open}`;
    const place = { seen: snapshot, reading: snapshot, after: { transactionId: '4200000001', position: '99999' } };
    const cursor = encodeCursor(place);
    expect(cursor.length).toBeLessThan(3000);
    expect(decodeCursor(anything, cursor)).toEqual(place);
  });

  it.each([['short'], ['x'.repeat(1000)], ['\u0001'.repeat(1000)], ['~']])('opens what it was made of', (place) => {
    expect(decodeCursor(anything, encodeCursor([place]))).toEqual([place]);
    // As versions before this made them.
    expect(decodeCursor(anything, Buffer.from(JSON.stringify([place])).toString('base64url'))).toEqual([place]);
  });

  it('that is none, or would fill the memory, is refused', () => {
    const bomb = `~${deflateRawSync('0'.repeat(5_000_000)).toString('base64url')}`;
    for (const cursor of ['~', '~x', 'x', `~${randomBytes(50).toString('base64url')}`, bomb]) {
      expect(() => decodeCursor(z.array(z.string()), cursor)).toThrow('nextCursor');
    }
  });
});
