import { isSafeOrSameOrigin } from './same-origin.js';

const post = (headers: Record<string, string>, host?: string) => isSafeOrSameOrigin({ method: 'POST', headers, host });

test('S45 what changes nothing may come from anywhere', () => {
  for (const method of ['GET', 'HEAD', 'OPTIONS']) {
    expect(isSafeOrSameOrigin({ method, headers: { 'sec-fetch-site': 'cross-site' } })).toBe(true);
  }
});

test.each([
  ['same-origin', true],
  ['none', true],
  ['same-site', false],
  ['cross-site', false],
  ['same-origin, cross-site', false],
  ['', false],
])('S45 Sec-Fetch-Site: %s decides, whatever Origin says: %s', (site, expected) => {
  expect(post({ 'sec-fetch-site': site, host: 'a.example', origin: 'https://a.example' })).toBe(expected);
  expect(post({ 'sec-fetch-site': site, host: 'a.example' })).toBe(expected);
});

test.each([
  ['https://a.example', 'a.example', true],
  ['http://a.example:8080', 'a.example:8080', true],
  ['https://a.example', 'a.example:443', true],
  ['https://A.example', 'a.EXAMPLE', true],
  ['https://a.example:8443', 'a.example', false],
  ['https://b.example', 'a.example', false],
  ['https://a.example.evil.example', 'a.example', false],
  ['null', 'a.example', false],
  ['', 'a.example', false],
  ['https://', '', false],
])('S45 without Sec-Fetch-Site, Origin %s at host %s: %s', (origin, host, expected) => {
  expect(post({ origin, host })).toBe(expected);
});

test('S45 the host that trusted proxies report counts', () => {
  expect(post({ origin: 'https://a.example', host: 'internal:3001' }, 'a.example')).toBe(true);
  expect(post({ origin: 'https://internal:3001', host: 'internal:3001' }, 'a.example')).toBe(false);
});

test('S45 a request that says nothing about its origin is refused', () => {
  expect(post({ host: 'a.example' })).toBe(false);
  for (const method of ['PUT', 'PATCH', 'DELETE', 'PROPFIND']) {
    expect(isSafeOrSameOrigin({ method, headers: {} })).toBe(false);
  }
});
