import { startSession } from '@tokenlog/contracts/internal/start-session.js';
import fc from 'fast-check';
import { ImportAtStart } from '../import-keys/import-at-start.js';
import { postForm } from '../testing/oauth-client.js';
import { startTokenService, type TestTokenService, type TestUser } from '../testing/token-service.js';
import { CreateToken } from '../verbs/create-token.js';

const KEY = 'legacy key of many words, schlüssel';
/** A file as an editor on Windows leaves it; the key's spaces are escaped, and so is one that stands behind it. */
const FILE = `\ufeff${KEY.replaceAll(' ', '\\ ')}\\ =ada\r\n`;

/** What files, clipboards and editors leave around a text. */
const IN_HEADERS = ['', ' ', '\t', '\u00a0', '\u200b', '\u2060', '\u3000', '\ufeff'];
const ANYWHERE = [...IN_HEADERS, '\n', '\r\n', '\0', '\u0085', '\u2028'];
const around = (parts: string[]) => fc.array(fc.constantFrom(...parts), { maxLength: 4 }).map((each) => each.join(''));

describe('a credential is the same text at every door of the token service', () => {
  let service: TestTokenService;
  let ada: TestUser;
  let gateway: string;

  beforeAll(async () => {
    service = await startTokenService();
    ada = await service.register('ada', { roles: ['operator'] });
    const admin = await service.register('gateway', { roles: ['admin'] });
    gateway = await issue(admin, ['introspect']);
    await service.app.get(ImportAtStart, { strict: false }).import(FILE);
  });
  afterAll(() => service?.stop());

  const issue = async (user: TestUser, scopes = ['rest']) => {
    const wishes = { userId: user.id, description: 'export', scopes, expiresAt: null };
    return (await service.commands.execute(new CreateToken(service.caller(user), wishes, 'right'))).secret;
  };
  const bytes = (text: string) => Buffer.from(text).toString('latin1');
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
  const get = async (path: string, headers: Record<string, string>) => {
    const { status } = await fetch(`${service.url}${path}`, { headers, redirect: 'manual' });
    return status < 400;
  };
  const self = (headers: Record<string, string>) => get('/tokens/self', headers);
  const post = async (path: string, type: string, body: string) =>
    (await fetch(`${service.url}${path}`, { method: 'POST', headers: { 'content-type': type }, body })).status === 201;
  const form = (field: string, text: string) => new URLSearchParams({ [field]: text }).toString();
  const introspect = async (token: string) => {
    const answer = await postForm(service, '/oauth2/introspect', { token }, { authorization: `Bearer ${gateway}` });
    return ((await answer.json()) as { active: boolean }).active;
  };
  const login = async (credential: string) => {
    const question = { with: 'token', credential, username: 'ada', ip: null };
    const reply = await service.identity.request(startSession.subject, JSON.stringify(question), { timeout: 5000 });
    return reply.json<{ started: boolean }>().started;
  };
  const active = async (credential: string) => (await service.verify({ credential })).active;

  /** How a text is presented, and whether it is accepted. */
  const DOORS: [string, string[], (text: string) => Promise<boolean>][] = [
    ['Authorization: Bearer', IN_HEADERS, (text) => self({ authorization: bytes(`Bearer ${text}`) })],
    ['Authorization: token', IN_HEADERS, (text) => self({ authorization: bytes(`token ${text}`) })],
    ['Auth-Token', IN_HEADERS, (text) => self({ 'auth-token': bytes(text) })],
    ['the cookie', IN_HEADERS, (text) => self({ cookie: `session=${encodeURIComponent(text)}` })],
    ['Basic, as the password', ANYWHERE, (text) => self({ authorization: basic(`ada:${text}`) })],
    ['Basic, as the user name', ANYWHERE, (text) => self({ authorization: basic(`${text}:`) })],
    ['Basic, beside x-access-token', ANYWHERE, (text) => self({ authorization: basic(`x-access-token:${text}`) })],
    ['forward authentication', IN_HEADERS, (text) => get('/auth/verify', { authorization: bytes(`Bearer ${text}`) })],
    ['a form', ANYWHERE, (text) => post('/sessions', 'application/x-www-form-urlencoded', form('auth_token', text))],
    ['JSON', ANYWHERE, (text) => post('/sessions', 'application/json', JSON.stringify({ auth_token: text }))],
    ['the URL of a POST', ANYWHERE, (text) => post(`/sessions?${form('auth_token', text)}`, 'application/json', '{}')],
    ['a link', ANYWHERE, (text) => get(`/enter?${form('access_token', text)}`, {})],
    ['introspection', ANYWHERE, introspect],
    ['tokens.verify', ANYWHERE, active],
    ['the login', ANYWHERE, login],
  ];

  it.each(DOORS)('%s', async (_, parts, isAccepted) => {
    const token = await issue(ada);
    const presented = fc.constantFrom(token, KEY);
    await fc.assert(
      fc.asyncProperty(around(parts), presented, around(parts), async (before, text, after) => {
        expect(await isAccepted(before + text + after)).toBe(true);
        expect(await isAccepted(`${before + text.slice(0, -1)}0`)).toBe(text.endsWith('0'));
      }),
      { numRuns: 12, endOnFailure: true },
    );
  });

  it('and what is revoked in one form is dead in all', async () => {
    const revoke = (token: string) =>
      postForm(service, '/oauth2/revoke', { token }, { authorization: `Bearer ${gateway}` });
    await fc.assert(
      fc.asyncProperty(around(ANYWHERE), around(ANYWHERE), async (before, after) => {
        const token = await issue(ada);
        expect((await revoke(before + token + after)).status).toBe(200);
        for (const text of [token, before + token + after, `${token}\n`]) expect(await active(text)).toBe(false);
      }),
      { numRuns: 10, endOnFailure: true },
    );
    expect((await revoke(`\ufeff${KEY}\r\n`)).status).toBe(200);
    expect([await active(KEY), await introspect(`${KEY}\n`), await login(KEY)]).toEqual([false, false, false]);
  });
});
