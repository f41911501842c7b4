import { tokenExpiring } from '@tokenlog/contracts/tokens/token-expiring.js';
import fc from 'fast-check';
import { expiryMail, oneLine } from './expiry-mail.js';

const { example } = tokenExpiring;
const anyText = fc.string({ unit: 'binary', maxLength: 300 });

describe('the mail before an expiry', () => {
  const { subject, text } = expiryMail(example, { displayName: null }, 'here');

  it('calls a user without a name by the account', () => {
    expect(text).toContain('Hello ada,');
    expect(subject).toBe('Access token ends on 2026-03-21: nightly export');
  });

  it('has lines that every mail program shows as they are', () => {
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(78);
  });

  it('S45 has the same lines, and a subject of one, whatever users call themselves and their tokens', () => {
    const lines = text.split('\n').length;
    fc.assert(
      fc.property(anyText, anyText, anyText, (description, displayName, serverName) => {
        const mail = expiryMail({ ...example, description }, { displayName }, serverName);
        expect(mail.text.split(/\r\n|[\n\r\v\f\u0085\u2028\u2029]/)).toHaveLength(lines);
        expect(mail.subject).toMatch(/^[^\p{Cc}\p{Zl}\p{Zp}]{1,120}$/u);
      }),
    );
  });

  it.each([
    ['a\r\nBcc: b', 'a Bcc: b'],
    ['a\u2028b\u0085c', 'a b c'],
    ['abc\u202edef\u200b', 'abc def'],
    [' \t ', ''],
  ])('%j becomes %j', (given, shown) => expect(oneLine(given)).toBe(shown));
});
