import fc from 'fast-check';
import { widthOf, wrapped } from './wrapped.js';

const text = fc.string({ unit: 'grapheme', maxLength: 60 });

describe('a text in lines', () => {
  it.each([
    ['東京', 4],
    ['👩‍💻', 2],
    ['🇩🇪', 2],
    ['e\u0301', 1],
    ['🫠', 2],
    ['ไทย', 3],
    ['नमस्ते', 4],
  ])('counts the cells that a terminal takes for %s', (text, cells) => {
    expect(widthOf(text)).toBe(cells);
  });

  it('breaks between words', () => {
    expect(wrapped('lost the laptop on a train', 10)).toEqual(['lost the', 'laptop on', 'a train']);
  });

  it('breaks a word that is longer than a line after a comma where it has one, never within a character', () => {
    expect(wrapped('rest,reports:read,admin', 14)).toEqual(['rest,', 'reports:read,', 'admin']);
    expect(wrapped('東京東京', 5)).toEqual(['東京', '東京']);
    expect(wrapped('👩‍💻👩‍💻👩‍💻', 4)).toEqual(['👩‍💻👩‍💻', '👩‍💻']);
  });

  it('says by an ellipsis that it was cut', () => {
    expect(wrapped('one two three four', 5, 2)).toEqual(['one', 'two…']);
    expect(wrapped('東京東京東京', 5, 1)).toEqual(['東京…']);
  });

  it('never has a wider line, and loses nothing where it is not cut', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 4, max: 40 }), (text, width) => {
        const lines = wrapped(text, width);
        for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(width);
        expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
      }),
    );
  });

  it('never has more lines than it may, nor wider ones', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 4, max: 20 }), fc.integer({ min: 1, max: 3 }), (text, width, most) => {
        const lines = wrapped(text, width, most);
        expect(lines.length).toBeLessThanOrEqual(most);
        for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(width);
      }),
    );
  });
});
