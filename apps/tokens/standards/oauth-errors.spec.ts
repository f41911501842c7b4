import { request as ask } from 'node:http';
import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { Problem } from '@tokenlog/platform/problem.js';
import { postForm } from '../testing/oauth-client.js';
import { startTokenService, type TestTokenService } from '../testing/token-service.js';
import { CreateToken } from '../verbs/create-token.js';
import { OAuthErrorFilter } from './oauth-error.filter.js';

const ROUTES = ['/oauth2/introspect', '/oauth2/revoke'];
const FORM = 'application/x-www-form-urlencoded';

interface Wrong {
  readonly method?: string;
  readonly path?: (route: string) => string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

describe('RFC 6749, 5.2 on OAuth’s routes every error is one of OAuth’s as well as a problem', () => {
  let service: TestTokenService;
  let secret: string;

  beforeAll(async () => {
    service = await startTokenService();
    const root = await service.register('gateway', { roles: ['admin'] });
    const wishes = { userId: root.id, description: 'gateway', scopes: ['introspect'], expiresAt: null };
    secret = (await service.commands.execute(new CreateToken(service.caller(root), wishes, 'right'))).secret;
  });
  afterAll(() => service.stop());

  /** Node's own: `fetch` would not send all of this. */
  const send = (route: string, { method = 'POST', path = (same) => same, headers = {}, body }: Wrong) =>
    new Promise<{ status: number; type: string; body: Record<string, string> }>((resolve, reject) => {
      const { hostname, port } = new URL(service.url);
      const authorization = `Bearer ${secret}`;
      const asked = ask({ hostname, port, method, path: path(route), headers: { authorization, ...headers } });
      asked.on('error', reject);
      asked.on('response', async (response) => {
        const parts: Buffer[] = [];
        for await (const part of response) parts.push(part);
        resolve({
          status: response.statusCode ?? 0,
          type: response.headers['content-type'] ?? '',
          body: JSON.parse(Buffer.concat(parts).toString() || 'null'),
        });
      });
      asked.end(body);
    });

  const form = { 'content-type': FORM };
  const WRONG: Record<string, [status: number | number[], Wrong]> = {
    'another method': [405, { method: 'GET' }],
    'yet another method': [405, { method: 'DELETE' }],
    'an address below': [404, { path: (route) => `${route}/more`, headers: form, body: 'token=x' }],
    'an address beside, in capitals': [404, { path: () => '/OAUTH2/elsewhere' }],
    'an address that is not percent-encoded': [400, { path: (route) => `${route}/%zz` }],
    'a body that is too large': [413, { headers: form, body: `token=${'x'.repeat(70_000)}` }],
    'too many parameters': [413, { headers: form, body: 'a=1&'.repeat(2000) }],
    'a body that is no JSON': [[400, 415], { headers: { 'content-type': 'application/json' }, body: '{' }],
    JSON: [415, { headers: { 'content-type': 'application/json' }, body: '{"token":"x"}' }],
    'a text': [415, { headers: { 'content-type': 'text/plain' }, body: 'token=x' }],
    'a form of files': [415, { headers: { 'content-type': 'multipart/form-data; boundary=x' }, body: '--x--' }],
    'a body that does not say what it is': [415, { body: 'token=x' }],
    'another character set': [[400, 415], { headers: { 'content-type': `${FORM}; charset=utf-7` }, body: 'token=x' }],
    'another encoding': [[400, 415], { headers: { ...form, 'content-encoding': 'snappy' }, body: 'token=x' }],
    'a broken encoding': [400, { headers: { ...form, 'content-encoding': 'gzip' }, body: 'token=x' }],
    nothing: [400, { headers: { 'content-length': '0' } }],
    'two tokens': [400, { headers: form, body: 'token=x&token=x' }],
    'two hints': [400, { headers: form, body: 'token=x&token_type_hint=a&token_type_hint=b' }],
    'a token in the URL': [400, { path: (route) => `${route}?token=x`, headers: form, body: 'token=x' }],
  };
  for (const route of ROUTES) {
    it.each(Object.entries(WRONG))(`${route}: %s`, async (_, [expected, wrong]) => {
      for (const accept of [undefined, 'application/json', '*/*']) {
        const { status, type, body } = await send(route, {
          ...wrong,
          headers: { ...wrong.headers, ...(accept !== undefined && { accept }) },
        });
        expect([expected].flat()).toContain(status);
        expect(type).toMatch(accept === 'application/json' ? /^application\/json/ : /^application\/problem\+json/);
        expect(body).toMatchObject({
          status,
          code: expect.any(String),
          detail: expect.any(String),
          requestId: expect.any(String),
          error: 'invalid_request',
          error_description: expect.stringMatching(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/),
        });
        expect(JSON.stringify(body)).not.toContain(secret);
      }
    });
  }

  const post = (fields: Record<string, string>, headers: Record<string, string> = {}) =>
    postForm(service, ROUTES[0] as string, { token: 'x', ...fields }, headers);

  it.each<[string, () => Promise<Response>]>([
    ['by Basic', () => post({}, { authorization: `Basic ${Buffer.from(`another:${secret}`).toString('base64')}` })],
    ['in the form', () => post({ client_id: 'another', client_secret: secret })],
    ['in the form, with a wrong secret', () => post({ client_id: 'gateway', client_secret: 'wrong' })],
    ['in the form, without a secret', () => post({ client_id: 'gateway' })],
    ['in the form, with an empty secret', () => post({ client_id: 'gateway', client_secret: '' })],
    ['by an assertion, which is not taken', () => post({ client_id: 'gateway', client_assertion: 'x' })],
    ['not at all', () => post({})],
  ])('a client that shows itself wrongly %s: 401 invalid_client, with the challenges', async (_, answer) => {
    const { status, headers, json } = await answer().then(async (got) => ({
      status: got.status,
      headers: got.headers,
      json: (await got.json()) as object,
    }));
    expect([status, json]).toMatchObject([401, { error: 'invalid_client' }]);
    for (const scheme of ['Basic', 'Bearer']) {
      expect(headers.get('www-authenticate')).toMatch(new RegExp(`(^|, )${scheme} realm="tokens"`));
    }
  });

  it('both methods at once: 400 invalid_request', async () => {
    const authorization = `Basic ${Buffer.from(`gateway:${secret}`).toString('base64')}`;
    const answer = await post({ client_id: 'gateway', client_secret: secret }, { authorization });
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: 'invalid_request' }]);
  });

  it.each<[string, Error, number, string]>([
    [
      'too many',
      new Problem('too-many-attempts', 'too many', { retryAfterSeconds: 3 }),
      429,
      'temporarily_unavailable',
    ],
    ['too much', new Problem('overloaded', 'too much'), 503, 'temporarily_unavailable'],
    ['a failure elsewhere', new Problem('service-failed', 'failed'), 502, 'temporarily_unavailable'],
    ['a failure of our own', new Error('failed'), 500, 'server_error'],
    ['a request of another origin', new Problem('cross-origin', 'from elsewhere'), 403, 'access_denied'],
  ])('%s is a %d and %s, with Retry-After where asking again helps', (_, problem, expected, error) => {
    jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    const told: { status?: number; headers?: Record<string, string>; body?: string } = {};
    const response = {
      headersSent: false,
      getHeader: () => undefined,
      status: (status: number) => Object.assign(told, { status }) && response,
      set: (headers: Record<string, string>) => Object.assign(told, { headers }) && response,
      type: () => response,
      send: (body: string) => Object.assign(told, { body }),
    };
    const request = { path: ROUTES[0], headers: {}, accepts: () => 'application/json' };
    new OAuthErrorFilter().catch(problem, new ExecutionContextHost([request, response]));
    expect([told.status, JSON.parse(told.body ?? '')]).toMatchObject([expected, { error, status: expected }]);
    expect('Retry-After' in (told.headers ?? {})).toBe(expected === 429 || expected === 503);
    jest.restoreAllMocks();
  });

  it('elsewhere a problem is a problem only', async () => {
    for (const path of ['/tokens', '/oauth2x', '/.well-known/openid-configuration']) {
      const answer = await fetch(`${service.url}${path}`);
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(await answer.json()).not.toHaveProperty('error');
    }
  });
});
