import fc from 'fast-check';
import * as oauth from 'oauth4webapi';
import { takeCredential } from '../../../libs/auth/extract-credential.js';
import { type ClientRequest, presentClient } from './oauth-client-authentication.js';

/** A request as Express has read it. */
function requestOf(headers: readonly (readonly [string, string])[], form = '', query = ''): ClientRequest {
  const parsed = (text: string) => {
    const all = new URLSearchParams(text);
    return Object.fromEntries([...all.keys()].map((name) => [name, oneOrAll(all.getAll(name))]));
  };
  const oneOrAll = (values: string[]) => (values.length === 1 ? (values[0] as string) : values);
  const first = [...headers].reverse().map(([name, value]) => [name.toLowerCase(), value]);
  return {
    headers: Object.fromEntries(first),
    rawHeaders: headers.flat(),
    body: parsed(form),
    query: parsed(query),
  } as ClientRequest;
}

const basic = (text: string) => ['Authorization', `Basic ${Buffer.from(text).toString('base64')}`] as const;
/** Who the guard is shown, once the client's ways are brought to the one that it reads. */
function shown(request: ClientRequest) {
  presentClient(request);
  const { text, username } = takeCredential({ ...request, method: 'POST' }, true) ?? {};
  return { username, text };
}

/** By a library that keeps RFC 6749, 2.3.1. */
async function byLibrary(authentication: oauth.ClientAuth, client_id: string): Promise<ClientRequest> {
  const form = new URLSearchParams();
  const headers = new Headers();
  await authentication({ issuer: 'https://tokens.example' }, { client_id }, form, headers);
  const authorization = headers.get('authorization');
  return requestOf(authorization === null ? [] : [['Authorization', authorization]], form.toString());
}

/** Without what is no part of any credential: white space and the like around it. */
const secret = fc
  .array(fc.oneof(fc.constantFrom(...'%+:/=&?# é漢🔑"\\'), fc.stringMatching(/^[A-Za-z0-9_.-]$/)), { maxLength: 40 })
  .map((parts) => `k${parts.join('')}k`);
const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,30}$/);

describe('a client shows itself', () => {
  it.each([
    ['client_secret_basic', oauth.ClientSecretBasic],
    ['client_secret_post', oauth.ClientSecretPost],
  ])('RFC 6749, 2.3.1 by %s with any name and any secret, of any characters', async (_, method) => {
    await fc.assert(
      fc.asyncProperty(name, secret, async (username, text) => {
        expect(shown(await byLibrary(method(text), username))).toEqual({ username, text });
      }),
    );
  });

  it('by Basic without that encoding, as curl has it: what has neither % nor + is what it is', () => {
    const unencoded = secret.filter((text) => !/[%+]/.test(text));
    fc.assert(
      fc.property(name, unencoded, (username, text) => {
        expect(shown(requestOf([basic(`${username}:${text}`)]))).toEqual({ username, text });
      }),
    );
  });

  it('by either of the two alike', async () => {
    await fc.assert(
      fc.asyncProperty(name, secret, async (username, text) => {
        const [one, other] = [oauth.ClientSecretBasic(text), oauth.ClientSecretPost(text)];
        expect(shown(await byLibrary(one, username))).toEqual(shown(await byLibrary(other, username)));
      }),
    );
  });

  it.each<[string, string, string, string]>([
    ['underscore escaped', 'ada%5Flovelace:tkl%5F1', 'ada_lovelace', 'tkl_1'],
    ['a stray percent sign is what it is', 'ada%:a secret%2', 'ada%', 'a secret%2'],
    ['percent signs that are no UTF-8 are what they are', 'ada:%ff%fe', 'ada', '%ff%fe'],
    ['a plus sign between what is never left unescaped is one', 'ada:a/b+c==', 'ada', 'a/b+c=='],
    ['the first colon ends the name', 'ada:a:b', 'ada', 'a:b'],
    ['a colon of the name itself does not end it', 'ad%3Aa:b', 'ad%3Aa', 'b'],
  ])('RFC 7617 in Basic, %s', (_, text, username, expected) => {
    expect(shown(requestOf([basic(text)]))).toEqual({ username, text: expected });
  });

  it('a colon of the name in a form does not end it either: no name and secret are taken for others', () => {
    fc.assert(
      fc.property(name, name, secret, (one, other, text) => {
        const form = new URLSearchParams({ client_id: `${one}:${other}`, client_secret: text });
        expect(shown(requestOf([], form.toString()))).toEqual({ username: `${one}%3A${other}`, text });
      }),
    );
  });

  it.each<[string, ClientRequest]>([
    ['in the form, without a secret', requestOf([], 'client_id=ada')],
    [
      'in the form, with an empty secret (RFC 6749, 3.2: it was left out)',
      requestOf([], 'client_id=ada&client_secret='),
    ],
    ['nowhere', requestOf([])],
  ])('not at all: %s', (_, request) => {
    expect(shown(request)).toEqual({ username: undefined, text: undefined });
  });

  it('by Basic, and names itself once more in the form', () => {
    expect(shown(requestOf([basic('ada:s')], 'client_id=Ada'))).toEqual({ username: 'ada', text: 's' });
    expect(shown(requestOf([basic('x-access-token:s')], 'client_id=ada'))).toEqual({ username: undefined, text: 's' });
  });
});

describe('RFC 6749, 5.2 invalid_request, which names the field:', () => {
  const bearer = ['Authorization', 'Bearer t'] as const;
  const post = 'client_id=ada&client_secret=s';
  it.each<[string, string, ClientRequest]>([
    ['both methods at once', 'client_secret', requestOf([basic('ada:s')], post)],
    ['a secret in the form beside Bearer', 'client_secret', requestOf([bearer], post)],
    ['beside Auth-Token', 'client_secret', requestOf([['Auth-Token', 't']], post)],
    ['beside auth_token', 'client_secret', requestOf([], `${post}&auth_token=t`)],
    ['beside auth_token in the URL', 'client_secret', requestOf([], post, 'auth_token=t')],
    ['beside a scheme that is none of ours', 'client_secret', requestOf([['Authorization', 'Digest x']], post)],
    ['two headers Authorization', 'Authorization', requestOf([basic('ada:s'), bearer])],
    ['a secret without an id', 'client_id', requestOf([], 'client_secret=s')],
    ['a secret with an empty id', 'client_id', requestOf([], 'client_id=&client_secret=s')],
    ['two ids', 'client_id', requestOf([], `${post}&client_id=ada`)],
    ['two secrets', 'client_secret', requestOf([], `${post}&client_secret=s`)],
    ['two auth_token', 'auth_token', requestOf([], 'auth_token=t&auth_token=t')],
    ['another id than that of Basic', 'client_id', requestOf([basic('ada:s')], 'client_id=grace')],
    ['an id in the URL', 'client_id', requestOf([bearer], '', 'client_id=ada')],
    ['a secret in the URL', 'client_secret', requestOf([], 'client_id=ada', 'client_secret=s')],
    ['the token in the URL', 'token', requestOf([bearer], '', 'token=t')],
  ])('%s', (_, field, request) => {
    const refused = expect.objectContaining({ code: 'invalid-request', message: expect.stringContaining(field) });
    expect(() => presentClient(request)).toThrow(refused);
  });

  it('nothing of a secret stands in the refusal', () => {
    fc.assert(
      fc.property(secret, (text) => {
        const query = new URLSearchParams({ client_secret: `secret-${text}` }).toString();
        for (const request of [requestOf([], '', query), requestOf([bearer], query), requestOf([], query)]) {
          const refusal = (() => {
            try {
              presentClient(request);
            } catch (error) {
              return JSON.stringify((error as { getResponse(): object }).getResponse());
            }
          })();
          expect(refusal).toBeDefined();
          expect(refusal).not.toContain('secret-');
        }
      }),
    );
  });
});
