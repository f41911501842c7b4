import fc from 'fast-check';
import { v7 } from 'uuid';
import { formatCredential, generateSecret, parseCredential, proofOf } from './credential.js';

const token = () => ({ prefix: 'tkl' as const, id: v7(), secret: generateSecret() });

describe('a credential', () => {
  it('reads back as it was written', () => {
    for (const prefix of ['tkl', 'tks'] as const) {
      const credential = { ...token(), prefix };
      expect(parseCredential(formatCredential(credential))).toEqual(credential);
    }
  });

  it('is letters, digits and underscores only, so that a double click selects it', () => {
    expect(formatCredential(token())).toMatch(/^[0-9A-Za-z_]+$/);
  });

  it('S6 carries 256 random bits that never repeat', () => {
    const secrets = new Set(Array.from({ length: 1000 }, generateSecret));
    expect(secrets.size).toBe(1000);
    for (const secret of secrets) expect(secret).toHaveLength(43);
  });

  it('is refused with any one character changed', () => {
    const text = formatCredential(token());
    const character = fc.constantFrom(...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-. ');
    fc.assert(
      fc.property(fc.nat({ max: text.length - 1 }), character, (at, replacement) => {
        fc.pre(text[at] !== replacement);
        expect(parseCredential(text.slice(0, at) + replacement + text.slice(at + 1))).toBeNull();
      }),
      { numRuns: 2000 },
    );
  });

  it('is refused when it is any other string', () => {
    fc.assert(fc.property(fc.string(), (text) => expect(parseCredential(text)).toBeNull()));
  });

  it('is proved by a digest from which the secret cannot be read', () => {
    const { secret } = token();
    expect(proofOf(secret)).toMatch(/^[0-9A-Za-z_-]{43}$/);
    expect(proofOf(secret)).not.toContain(secret.slice(0, 10));
  });
});
