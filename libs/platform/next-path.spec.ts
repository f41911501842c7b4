import { nextPath } from './next-path.js';

const accepts = (path: string) => nextPath.safeParse(path).success;

describe('S5 where a browser is sent on to', () => {
  it.each([
    '/',
    '/tokens',
    '/tokens?state=expired&q=a%20b#top',
    '/tokens?q=100%25',
    '/tokens?q=%',
    '/%7Eada/reports',
    '/reports?from=2026-01-01T00:00:00Z',
    '/a//b',
    "/it's(fine)!*",
  ])('is a path of this origin: %s', (path) => expect(accepts(path)).toBe(true));

  it.each([
    ['an escape that is no text before another one', '/%2fevil.com%E0'],
    ['a line end behind one', '/x%0d%0aSet-Cookie:a=b%80'],
    ['nothing', ''],
    ['an absolute URL', 'https://evil.example/'],
    ['an absolute URL of another kind', 'javascript:alert(1)'],
    ['a relative path', 'tokens'],
    ['a relative path that goes up', '../tokens'],
    ['a query', '?q=1'],
    ['another host', '//evil.example'],
    ['another host, with more slashes', '///evil.example'],
    ['another host by a backslash', '/\\evil.example'],
    ['another host by two', '\\\\evil.example'],
    ['a backslash further on', '/tokens\\..'],
    ['another host behind a tab', '/\t/evil.example'],
    ['another host behind a line end', '/\n/evil.example'],
    ['a header of its own', '/tokens\r\nSet-Cookie: session=x'],
    ['a zero byte', '/tokens\0'],
    ['a space before', ' /tokens'],
    ['a space', '/tok ens'],
    ['a character beyond ASCII', '/tökens'],
    ['another host, slash escaped', '/%2Fevil.example'],
    ['another host, slash escaped in lower case', '/%2fevil.example'],
    ['another host, backslash escaped', '/%5Cevil.example'],
    ['another host, escaped twice', '/%252Fevil.example'],
    ['another host, escaped three times', '/%25255cevil.example'],
    ['another host behind an escaped tab', '/%09/evil.example'],
    ['an escaped line end', '/tokens%0D%0ASet-Cookie:%20session=x'],
    ['an escaped zero byte', '/tokens%00'],
    ['another host behind a step that goes nowhere', '/.//evil.example'],
    ['another host behind a step up', '/..//evil.example'],
    ['another host behind an escaped step up', '/%2e%2e//evil.example'],
    ['more than a path needs', `/${'a'.repeat(2048)}`],
  ])('is not %s', (_, path) => expect(accepts(path)).toBe(false));

  it('is decided in time, however often it is escaped', () => {
    const before = performance.now();
    expect(accepts(`/%${'25'.repeat(1000)}2Fevil`)).toBe(false);
    expect(performance.now() - before).toBeLessThan(1000);
  });
});
