import fc from 'fast-check';
import { v7 } from 'uuid';
import {
  formatCredential,
  generateSecret,
  maybeAccessKey,
  parseCredential,
  presentedText,
  proofOf,
  prove,
  textOfBytes,
  textOfHeader,
} from './credential.js';

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
        // A space at an end would be no part of it; what is left lacks a character.
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

/** What files, clipboards, editors and form fields leave around a text. */
const AROUND = [
  ' ',
  '\t',
  '\n',
  '\r\n',
  '\0',
  '\u007f',
  '\u0085',
  '\u00a0',
  '\u00ad',
  '\u200b',
  '\u200e',
  '\u2028',
].concat(['\u2060', '\u202e', '\u3000', '\ufeff', '\ufffe', '\u180e']);
const around = fc.array(fc.constantFrom(...AROUND), { maxLength: 5 }).map((parts) => parts.join(''));

describe('a presented text', () => {
  const key = 'legacy key of 2009: schlüssel';

  it('is the same whatever stands around it', () => {
    const text = formatCredential(token());
    fc.assert(
      fc.property(around, around, fc.constantFrom(text, key), (before, after, presented) => {
        expect(presentedText(before + presented + after)).toBe(presented);
        expect(prove(before + presented + after)).toEqual(prove(presented));
      }),
    );
  });

  it('keeps what stands inside it', () => {
    for (const part of AROUND) expect(presentedText(`a${part}b`)).toBe(`a${part}b`);
    expect(presentedText(' \ufeff\r\n')).toBe('');
  });

  it('is read in the time of its length', () => {
    const long = `a${' '.repeat(1_000_000)}b${' '.repeat(1_000_000)}`;
    expect(presentedText(long)).toHaveLength(1_000_002);
  });

  it('proves an id and its secret, or as a static key itself, or nothing', () => {
    const credential = token();
    expect(prove(formatCredential(credential))).toEqual({ id: credential.id, proof: proofOf(credential.secret) });
    expect(prove(key)).toEqual({ proof: proofOf(key) });
    const cut = formatCredential(credential).slice(0, -1);
    for (const none of ['', 'short', 'x'.repeat(15), 'x'.repeat(513), cut, `tks_${key}`]) {
      expect(prove(none)).toBeNull();
      expect(maybeAccessKey(none)).toBe(false);
    }
  });

  it('is read from bytes in the encoding that they are in', () => {
    for (const text of [key, '']) {
      expect(textOfBytes(Buffer.from(text))).toBe(text);
      expect(textOfBytes(Buffer.from(`\ufeff${text}`))).toBe(text);
      expect(textOfBytes(Buffer.from(`\ufeff${text}`, 'utf16le'))).toBe(text);
      expect(textOfBytes(Buffer.from(`\ufeff${text}`, 'utf16le').swap16())).toBe(text);
      expect(textOfBytes(Buffer.from(text, 'latin1'))).toBe(text);
      expect(textOfHeader(Buffer.from(text).toString('latin1'))).toBe(text);
      expect(textOfHeader(text)).toBe(text);
    }
    expect(textOfHeader('schlüssel – 鍵')).toBe('schlüssel – 鍵');
  });
});
