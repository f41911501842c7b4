import { counted, printable, printableJson, printableLines } from './text.js';

describe('text for a terminal', () => {
  it.each([
    ['an escape sequence', '\u001b[31mred', '\\u001b[31mred'],
    ['the C1 form of one', '\u009b31m', '\\u009b31m'],
    ['a line end', 'one\ntwo\r', 'one\\u000atwo\\u000d'],
    ['a right-to-left override', 'gpj.\u202eexe', 'gpj.\\u202eexe'],
    ['an invisible tag', '\u{e0041}', '\\udb40\\udc41'],
    ['half of a surrogate pair', '\ud800', '\\ud800'],
  ])('S45 shows %s instead of obeying it', (_, text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  it.each(['Ada Lovelace', 'Čapek 東京', '👩‍💻', 'نامه‌ای'])('leaves %s alone', (text) => {
    expect(printable(text)).toBe(text);
  });

  it('S45 keeps the value of JSON while nothing in it steers a terminal', () => {
    const value = { description: 'a\u001b[2Jb\u009bc\u202ed\u007f', list: ['\n'] };
    const text = printableJson(value);
    expect(JSON.parse(text)).toEqual(value);
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('keeps the lines of a text of many', () => {
    expect(printableLines('a,b\r\n\u001bc\t,d\r\n')).toBe('a,b\r\n\\u001bc\t,d\r\n');
  });

  it('counts in words', () => {
    expect([counted(0, 'token'), counted(1, 'token'), counted(2, 'token')]).toEqual([
      '0 tokens',
      '1 token',
      '2 tokens',
    ]);
  });
});
