import { randomBytes, randomUUID } from 'node:crypto';
import { parseIdempotencyKey } from './idempotency-key.js';

describe('Idempotency-Key', () => {
  it.each([
    ['a random UUID', () => randomUUID()],
    ['one by time', () => '01997c9e-2222-7222-8222-222222222222'],
    ['one in capitals', () => randomUUID().toUpperCase()],
    ['a string of RFC 9651', () => `"${randomUUID()}"`],
    ['hexadecimal digits', () => randomBytes(16).toString('hex')],
    ['base64', () => randomBytes(18).toString('base64')],
    ['base64url', () => randomBytes(12).toString('base64url')],
    ['a ULID', () => '01ARZ3NDEKTSV4RRFFQ69G5FAV'],
    ['255 characters', () => randomBytes(192).toString('base64url').slice(0, 255)],
  ])('%s is taken', (_, key) => {
    expect(() => parseIdempotencyKey(key())).not.toThrow();
  });

  it('is the same key with quotes and without, and a UUID in either case', () => {
    const key = randomUUID();
    for (const same of [key, `"${key}"`, key.toUpperCase(), ` ${key} `]) expect(parseIdempotencyKey(same)).toBe(key);
  });

  it.each([
    '',
    '1',
    'test',
    '""',
    '"',
    'abc-123',
    '1234567890',
    '1234567890123456',
    '2026-12-01T00:00:00Z',
    '20261130231500123',
    '12345678901234567890',
    'aaaaaaaaaaaaaaaa',
    'aaaaaaaabbbbbbbb',
    'abababababababababab',
    'test-test-test-test',
    'abcdefghijklmnop',
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
    '0123456789abcdef',
    '00000000-0000-0000-0000-000000000000',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    '8e03978e-40d5-43dd-bc93-6894a57f9324, 8e03978e-40d5-43dd-bc93-6894a57f9324',
    '"8e03978e-40d5-43dd-bc93-6894a57f9324";a=1',
    '"8e03978e-40d5-43dd-bc93-6894a57f9324',
    '8e03978e 40d5 43dd bc93 6894a57f9324',
    'ключ-ключ-ключ-ключ',
    `x${'1a'.repeat(128)}`,
  ])('%j is refused, and the header is named', (key) => {
    expect(() => parseIdempotencyKey(key)).toThrow(/^Idempotency-Key: must be a UUID, or 16 to 255 random/);
  });

  it('what was chosen at random is never refused', () => {
    const alphabets = ['0123456789abcdef', 'abcdefghijklmnopqrstuvwxyz234567', 'ABCDEFGHJKMNPQRSTVWXYZ0123456789-_'];
    for (let n = 0; n < 20_000; n++) {
      const alphabet = alphabets[n % alphabets.length] as string;
      const bytes = [...randomBytes(20 + (n % 40))];
      const key = bytes.map((byte) => alphabet[byte % alphabet.length]).join('');
      expect(parseIdempotencyKey(key)).toBe(key);
    }
  });
});
