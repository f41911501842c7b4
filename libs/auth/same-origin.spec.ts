import { isSafeOrSameOrigin, mayBeGivenCookie, mayOfferBasic } from './same-origin.js';

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

describe('S45 what may be answered with a cookie', () => {
  const may = (method: string, headers: Record<string, string>) =>
    mayBeGivenCookie({ method, headers: { host: 'a.example', ...headers } });
  const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };

  test.each(['GET', 'POST'])('a %s of a program, which says nothing, and of the own origin', (method) => {
    const fine = [
      {},
      { 'sec-fetch-mode': 'cors' },
      { origin: 'http://a.example' },
      { 'sec-fetch-site': 'same-origin' },
    ];
    for (const headers of fine) expect(may(method, headers as never)).toBe(true);
    expect(may(method, { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' })).toBe(true);
  });

  test.each(['GET', 'POST'])('no %s of another site’s page', (method) => {
    for (const origin of ['http://b.example', 'https://a.example:8443', 'null', '']) {
      expect(may(method, { origin })).toBe(false);
    }
    for (const site of ['cross-site', 'same-site', '']) {
      expect(may(method, { 'sec-fetch-site': site })).toBe(false);
      expect(may(method, { 'sec-fetch-site': site, origin: 'http://a.example' })).toBe(false);
      expect(may(method, { ...link, 'sec-fetch-dest': 'iframe' })).toBe(false);
      expect(may(method, { ...link, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' })).toBe(false);
    }
  });

  test('a link on another site’s page that is followed, and no form there', () => {
    expect(may('GET', link)).toBe(true);
    expect(may('POST', link)).toBe(false);
  });
});

test.each([
  [{}, true],
  [{ 'sec-fetch-mode': 'cors' }, true],
  [{ 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate' }, true],
  [{ 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' }, false],
  [{ 'x-requested-with': 'XMLHttpRequest' }, false],
  [{ referer: 'http://a.example/' }, false],
  [{ origin: 'http://a.example' }, false],
])('Basic is offered to a request with %j: %s', (headers, offered) => {
  expect(mayOfferBasic({ headers })).toBe(offered);
});
