import fc from 'fast-check';
import { type RequestWithCredential, takeCredential } from './extract-credential.js';
import { takeMessageCredential } from './extract-message-credential.js';

const request = (parts: Partial<RequestWithCredential>): RequestWithCredential => ({
  method: 'GET',
  url: '/',
  headers: {},
  ...parts,
});
const take = (parts: Partial<RequestWithCredential>, urlParameter = true) =>
  takeCredential(request(parts), urlParameter);
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

test('a request without a credential has none', () => {
  expect(take({})).toBeUndefined();
  expect(take({ method: 'POST', body: undefined })).toBeUndefined();
  expect(take({ method: 'POST', body: ['auth_token'] })).toBeUndefined();
});

test.each(['token X', 'Token X', 'TOKEN  X', 'Bearer X', 'bearer X', 'BEARER X '])(
  'S1 Authorization: %s',
  (authorization) => {
    expect(take({ headers: { authorization } })).toEqual({ text: 'X', by: 'authorization' });
  },
);

test('S1 a scheme without a text is a credential that is malformed, another scheme is none', () => {
  expect(take({ headers: { authorization: 'Bearer' } })).toEqual({ text: '', by: 'authorization' });
  expect(take({ headers: { authorization: 'Digest username="ada"' } })).toBeUndefined();
  expect(take({ headers: { authorization: 'Bearerish X' } })).toBeUndefined();
});

test('S2 Auth-Token: X', () => {
  expect(take({ headers: { 'auth-token': ' X ' } })).toEqual({ text: 'X', by: 'auth-token' });
  expect(take({ headers: { 'auth-token': '' } })).toBeUndefined();
});

describe('S3 auth_token', () => {
  test('of a POST body is taken out of it', () => {
    const body = { auth_token: 'X', a: 1 };
    expect(take({ method: 'POST', body })).toEqual({ text: 'X', by: 'body' });
    expect(body).toEqual({ a: 1 });
  });

  test('of the URL of a POST is taken out of everything that shows the URL', () => {
    const given = {
      ...request({ method: 'POST', url: '/a?b=1&auth_token=X&c=%20' }),
      originalUrl: '/v1/a?auth%5Ftoken=X',
    };
    expect(takeCredential(given, true)).toEqual({ text: 'X', by: 'url' });
    expect(given.url).toBe('/a?b=1&c=%20');
    expect(given.originalUrl).toBe('/v1/a');
  });

  test('of the URL on Fastify is taken out of the query and of the request beneath', () => {
    const query = { auth_token: 'X', b: '1' };
    const raw = { url: '/a?auth_token=X&b=1' };
    expect(take({ method: 'POST', url: raw.url, query, raw })).toEqual({ text: 'X', by: 'url' });
    expect({ query, raw }).toEqual({ query: { b: '1' }, raw: { url: '/a?b=1' } });
  });

  test('is no credential in any other method', () => {
    const body = { auth_token: 'X' };
    for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE']) {
      expect(take({ method, url: '/?auth_token=X', body })).toBeUndefined();
    }
    expect(body).toEqual({ auth_token: 'X' });
  });

  test('of the URL is not accepted when that is switched off, and still taken out', () => {
    const given = request({ method: 'POST', url: '/?auth_token=X' });
    expect(takeCredential(given, false)).toBeUndefined();
    expect(given.url).toBe('/');
    expect(take({ method: 'POST', body: { auth_token: 'X' } }, false)).toEqual({ text: 'X', by: 'body' });
  });

  test('twice, or not a text, is malformed', () => {
    expect(take({ method: 'POST', url: '/?auth_token=X&auth_token=Y' })?.text).toBe('');
    expect(take({ method: 'POST', body: { auth_token: ['X', 'Y'] } })?.text).toBe('');
    expect(take({ method: 'POST', body: { auth_token: null } })?.text).toBe('');
  });
});

describe('S4 HTTP Basic', () => {
  test('is a user name and the token as its password', () => {
    expect(take({ headers: { authorization: basic('ada:X') } })).toEqual({ text: 'X', by: 'basic', username: 'ada' });
    expect(take({ headers: { authorization: basic('ada:X').replace('Basic', 'bAsIc') } })?.by).toBe('basic');
  });

  test('without a colon, or not base64, is malformed', () => {
    expect(take({ headers: { authorization: basic('ada') } })?.text).toBe('');
    expect(take({ headers: { authorization: 'Basic' } })?.text).toBe('');
    expect(take({ headers: { authorization: 'Basic !!' } })?.text).toBe('');
  });
});

test('the cookie `session`', () => {
  expect(take({ headers: { cookie: 'a=b; session=X' } })).toEqual({ text: 'X', by: 'cookie' });
  expect(take({ headers: { cookie: 'a=b; sessions=X' } })).toBeUndefined();
});

test('S3 Authorization wins over Auth-Token, over the body, over the URL, over the cookie; parameters are taken out in any case', () => {
  const given = () => ({
    method: 'POST',
    url: '/?auth_token=URL',
    body: { auth_token: 'BODY' },
    headers: { authorization: 'token AUTHORIZATION', 'auth-token': 'AUTH-TOKEN', cookie: 'session=COOKIE' },
  });
  const all = given();
  expect(takeCredential(all, true)?.text).toBe('AUTHORIZATION');
  expect(all).toMatchObject({ url: '/', body: {} });

  const { authorization: _1, ...withoutAuthorization } = given().headers;
  expect(take({ ...given(), headers: withoutAuthorization })?.text).toBe('AUTH-TOKEN');
  const { cookie } = given().headers;
  expect(take({ ...given(), headers: { cookie } })?.text).toBe('BODY');
  expect(take({ ...given(), body: {}, headers: { cookie } })?.text).toBe('URL');
  expect(take({ ...given(), body: {}, url: '/', headers: { cookie } })?.text).toBe('COOKIE');
});

describe('S4 HTTP Basic with a token that stands for itself', () => {
  test.each([
    ['x-access-token:X', 'X'],
    ['X-Access-Token:X', 'X'],
    ['x-token-auth:X', 'X'],
    ['oauth2:X', 'X'],
    ['__token__:X', 'X'],
    [':X', 'X'],
    ['X:', 'X'],
    ['X:x-oauth-basic', 'X'],
    ['oauth2:', ''],
    [':', ''],
  ])('%s', (text, found) => {
    expect(take({ headers: { authorization: basic(text) } })).toEqual({ text: found, by: 'basic' });
  });

  test('is not what any other name or password says', () => {
    for (const name of ['oauth', 'x-access-token2', 'token', 'ada']) {
      expect(take({ headers: { authorization: basic(`${name}:X`) } })?.username).toBe(name);
    }
    expect(take({ headers: { authorization: basic('X:a password') } })).toMatchObject({
      text: 'a password',
      username: 'X',
    });
  });
});

describe('what stands around a credential is no part of it, and what it says is the same at every door', () => {
  const bytes = (text: string) => Buffer.from(text).toString('latin1');
  const message = (headers: Record<string, string[]>) => ({ getHeaders: () => Object.entries(headers) });
  const DOORS: Record<string, (text: string) => { text: string } | undefined> = {
    bearer: (text) => take({ headers: { authorization: bytes(`Bearer ${text}`) } }),
    token: (text) => take({ headers: { authorization: bytes(`token ${text}`) } }),
    'auth-token': (text) => take({ headers: { 'auth-token': bytes(text) } }),
    body: (text) => take({ method: 'POST', body: { auth_token: text } }),
    url: (text) => take({ method: 'POST', url: `/?auth_token=${encodeURIComponent(text)}` }),
    cookie: (text) => take({ headers: { cookie: `session=${encodeURIComponent(text)}` } }),
    'a raw cookie': (text) => take({ headers: { cookie: bytes(`session=${text}`) } }),
    'a password': (text) => take({ headers: { authorization: basic(`ada:${text}`) } }),
    'a password in UTF-16': (text) =>
      take({
        headers: { authorization: `Basic ${Buffer.from(`\ufeffada:${text}`, 'utf16le').toString('base64')}` },
      }),
    'a user name': (text) => take({ headers: { authorization: basic(`${text}:`) } }),
    'beside a placeholder': (text) => take({ headers: { authorization: basic(`oauth2:${text}`) } }),
    'a message’s header': (text) => takeMessageCredential({}, message({ Authorization: [`Bearer ${text}`] })),
    'a message’s bare header': (text) => takeMessageCredential({}, message({ authorization: [text] })),
    'a message’s Basic': (text) => takeMessageCredential({}, message({ authorization: [basic(`ada:${text}`)] })),
    'a message’s field': (text) => takeMessageCredential({ authorization: `token ${text}` }, undefined),
    'a message’s bare field': (text) => takeMessageCredential({ authorization: text }, undefined),
  };
  const parts = [' ', '\t', '\r\n', '\n', '\u00a0', '\u200b', '\u2028', '\u3000', '\ufeff'];
  const around = fc.array(fc.constantFrom(...parts), { maxLength: 4 }).map((each) => each.join(''));

  test.each(Object.entries(DOORS))('%s', (_, through) => {
    const presented = fc.constantFrom('tkl_0123456789', 'a key of old times: schlüssel 鍵');
    fc.assert(
      fc.property(around, presented, around, (before, text, after) => {
        // A user name ends at the first colon.
        const of = through === DOORS['a user name'] ? text.replace(':', '') : text;
        expect(through(before + of + after)?.text).toBe(of);
      }),
    );
  });
});
