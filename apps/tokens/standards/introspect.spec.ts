import { randomUUID } from 'node:crypto';
import { formatCredential, generateSecret } from '@tokenlog/contracts/credential.js';
import { ResponseBodyError, WWWAuthenticateChallengeError } from 'oauth4webapi';
import { eventually } from '../../../test/support/eventually.js';
import { ImportAccessKeys } from '../import-keys/import-access-keys.js';
import { EndSession } from '../session/end-session.js';
import { StartSession } from '../session/start-session.js';
import { call, sessionOf } from '../testing/http.js';
import { oauthClient, postForm } from '../testing/oauth-client.js';
import { shortLived } from '../testing/short-lived.js';
import { startTokenService, type TestTokenService, type TestUser } from '../testing/token-service.js';
import { CreateToken } from '../verbs/create-token.js';
import { DeleteToken } from '../verbs/delete-token.js';
import { RefreshToken } from '../verbs/refresh-token.js';
import { RevokeToken } from '../verbs/revoke-token.js';

const PATH = '/oauth2/introspect';

describe('RFC 7662 introspection', () => {
  let service: TestTokenService;
  let ada: TestUser;
  let root: TestUser;
  let gateway: string;

  beforeAll(async () => {
    service = await startTokenService();
    ada = await service.register('ada', { roles: ['operator'] });
    root = await service.register('gate.way_1@example.org', { roles: ['admin'] });
    gateway = (await issue(root, ['introspect'])).secret;
  });
  afterAll(() => service.stop());

  const issue = (user: TestUser, scopes = ['rest', 'export'], expiresAt: string | null = null) =>
    service.commands.execute(
      new CreateToken(service.caller(user), { userId: user.id, description: 'export', scopes, expiresAt }, 'right'),
    );
  const client = () => oauthClient(service, { bearer: gateway });
  const ask = (form: Record<string, string> | string, headers: Record<string, string> = {}) =>
    postForm(service, PATH, form, { authorization: `Bearer ${gateway}`, ...headers });
  const inSeconds = (at: string) => Math.floor(Date.parse(at) / 1000);
  const soon = () => new Date(Date.now() + 60_000).toISOString();
  const uses = async (tokenId: string) =>
    (
      await service.store.pool.query(`SELECT data FROM events WHERE entity = $1 AND type = 'token-used'`, [tokenId])
    ).rows.flatMap(({ data }) => data.breakdown);

  it.each(['Basic', 'Bearer'])(
    'RFC 7662, 2.2 a client library that shows itself by %s learns what a token is good for',
    async (scheme) => {
      const username = root.facts.username;
      const library = oauthClient(service, scheme === 'Basic' ? { username, secret: gateway } : { bearer: gateway });
      const expiresAt = soon();
      const { tokenId, secret } = await issue(ada, undefined, expiresAt);
      const { token } = (await call(service, 'GET', '/tokens/self', { as: secret })).body;
      const found = await library.introspect(secret);
      expect(found).toEqual({
        active: true,
        scope: 'rest export',
        client_id: tokenId,
        username: 'ada',
        token_type: 'Bearer',
        exp: inSeconds(expiresAt),
        iat: expect.any(Number),
        sub: ada.id,
        jti: tokenId,
        roles: ['operator'],
      });
      // The id is made a moment before the event is recorded, which may be the next second's.
      const made = inSeconds(token.createdAt);
      expect([made, made - 1]).toContain(found.iat);
    },
  );

  it('a token that never expires has no exp', async () => {
    expect(await client().introspect((await issue(ada)).secret)).not.toHaveProperty('exp');
  });

  it('S19 exp of a replaced secret is the end of its grace period', async () => {
    const { tokenId, secret } = await issue(ada);
    const wishes = { password: 'right', gracePeriodSeconds: 60 };
    await service.commands.execute(new RefreshToken(service.caller(ada), tokenId, ada.id, wishes));
    const { exp } = await client().introspect(secret);
    expect(Math.abs((exp ?? 0) - Date.now() / 1000 - 60)).toBeLessThan(10);
  });

  it('S28 a session of a token is active, with the token as its client, and ends with it at the latest', async () => {
    const expiresAt = soon();
    const { tokenId } = await issue(ada, ['rest'], expiresAt);
    const basis = { with: 'token', tokenId, generation: 1 } as const;
    const { credential, sessionId } = await service.commands.execute(new StartSession(basis, null));
    expect(await client().introspect(credential)).toMatchObject({
      active: true,
      scope: 'rest',
      client_id: tokenId,
      jti: sessionId,
      exp: inSeconds(expiresAt),
      iat: expect.any(Number),
    });
  });

  it('a session that a password started has every scope, and no token', async () => {
    const found = await client().introspect(await sessionOf(service, ada));
    expect(found).toMatchObject({ active: true, scope: '*', username: 'ada' });
    expect(found).not.toHaveProperty('client_id');
  });

  it('S37 an imported key is introspected like a token', async () => {
    const key = 'imported/key+of the-year%41'.replaceAll(' ', '_');
    await service.commands.execute(new ImportAccessKeys([{ line: 1, key, username: 'ada' }]));
    expect(await client().introspect(key)).toMatchObject({ active: true, username: 'ada' });
  });

  it('S34 an accepted one is a use of the token, by the service that the caller’s description names; of its own one too', async () => {
    const { tokenId, secret } = await issue(ada);
    await client().introspect(secret);
    expect(await uses(tokenId)).toEqual([{ service: 'export', ip: null, count: 1 }]);
    const session = await sessionOf(service, root);
    await postForm(service, PATH, { token: secret }, { authorization: `Bearer ${session}` });
    expect(await uses(tokenId)).toContainEqual({ service: root.facts.username, ip: null, count: 1 });
  });

  const overOnes: Record<string, () => Promise<string>> = {
    malformed: async () => 'nonsense',
    unknown: async () => formatCredential({ prefix: 'tkl', id: randomUUID(), secret: generateSecret() }),
    'with a wrong secret': async () => {
      const { tokenId } = await issue(ada);
      return formatCredential({ prefix: 'tkl', id: tokenId, secret: generateSecret() });
    },
    superseded: async () => {
      const { tokenId, secret } = await issue(ada);
      await service.commands.execute(new RefreshToken(service.caller(ada), tokenId, ada.id, { password: 'right' }));
      return secret;
    },
    revoked: async () => {
      const { tokenId, secret } = await issue(ada);
      await service.commands.execute(new RevokeToken(service.caller(ada), tokenId, ada.id, { password: 'right' }));
      return secret;
    },
    deleted: async () => {
      const { tokenId, secret } = await issue(ada);
      await service.commands.execute(new DeleteToken(service.caller(ada), tokenId, ada.id, 'right'));
      return secret;
    },
    expired: async () => {
      const { secret } = await shortLived((expiresAt) => issue(ada, ['rest'], expiresAt));
      await eventually(async () =>
        expect(await service.verify({ credential: secret })).toMatchObject({ active: false }),
      );
      return secret;
    },
    'of a disabled user': async () => {
      const user = await service.register('disabled');
      const { secret } = await issue(user);
      await service.change(user, { disabled: true });
      return secret;
    },
    'of a deleted user': async () => {
      const user = await service.register('gone');
      const { secret } = await issue(user);
      await service.delete(user);
      return secret;
    },
    'a session that has ended': async () => {
      const basis = { with: 'password', userId: ada.id, userVersion: ada.version } as const;
      const { credential, sessionId } = await service.commands.execute(new StartSession(basis, null));
      await service.commands.execute(new EndSession(sessionId, 'anyone', 'ended', { by: { kind: 'system' } }));
      return credential;
    },
    'a session whose user must change the password first (S12)': async () =>
      sessionOf(service, await service.register('fresh', { mustChangePassword: true })),
  };
  it.each(Object.keys(overOnes))('S33 of what is not active nothing else is said: %s', async (name) => {
    const answer = await ask({ token: (await overOnes[name]?.()) ?? '' });
    expect([answer.status, await answer.json()]).toEqual([200, { active: false }]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('S34 a refused one moves nothing', async () => {
    const { tokenId, secret } = await issue(ada);
    await service.commands.execute(new RevokeToken(service.caller(ada), tokenId, ada.id, { password: 'right' }));
    await client().introspect(secret);
    expect(await uses(tokenId)).toEqual([]);
  });

  it('parameters that it does not know are ignored, and so is the hint (RFC 7662, 2.1)', async () => {
    const { secret } = await issue(ada);
    const answer = await ask({ token: secret, token_type_hint: 'refresh_token', resource: 'https://example.org' });
    expect(await answer.json()).toMatchObject({ active: true });
  });

  describe('refuses a caller', () => {
    it('without a credential: 401; the token in the form does not speak for the caller', async () => {
      const answer = await postForm(service, PATH, { token: gateway });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toBe(
        'Bearer realm="tokens", Basic realm="tokens", charset="UTF-8"',
      );
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(await answer.json()).toMatchObject({ code: 'credential-missing', error: 'invalid_client' });
    });

    it('with a token that is not good: 401 invalid_token (RFC 6750, 3.1)', async () => {
      const answer = await ask({ token: gateway }, { authorization: 'Bearer nonsense' });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
      expect(answer.headers.get('www-authenticate')).toContain('Bearer realm="tokens", error="invalid_token"');
      expect(await answer.json()).toMatchObject({ status: 401, code: 'malformed', error: 'invalid_token' });
    });

    it.each(['someone-else', 'gate%'])(
      'S4 by Basic with another name, %s: 401 with a challenge of that scheme',
      async (name) => {
        const authorization = `Basic ${Buffer.from(`${name}:${gateway}`).toString('base64')}`;
        const answer = await ask({ token: gateway }, { authorization });
        expect(answer.status).toBe(401);
        expect(answer.headers.get('www-authenticate')).toMatch(/^Basic realm="tokens", charset="UTF-8", Bearer /);
        expect(await answer.json()).toMatchObject({ code: 'unknown', error: 'invalid_client' });
      },
    );

    it('without the scope: 403 insufficient_scope, and nothing is used or told (RFC 6750, 3.1)', async () => {
      const { secret } = await issue(root, ['admin', 'tokens', 'rest']);
      const asked = await issue(ada);
      const answer = await ask({ token: asked.secret }, { authorization: `Bearer ${secret}` });
      expect(answer.status).toBe(403);
      expect(answer.headers.get('www-authenticate')).toContain('error="insufficient_scope"');
      expect(answer.headers.get('www-authenticate')).toContain('scope="introspect"');
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(await answer.json()).toMatchObject({ status: 403, code: 'scope', error: 'insufficient_scope' });
      expect(await uses(asked.tokenId)).toEqual([]);
      await expect(oauthClient(service, { bearer: secret }).introspect(asked.secret)).rejects.toBeInstanceOf(
        WWWAuthenticateChallengeError,
      );
    });

    it('S14 who was an admin when the scope was given, and is none now: 403', async () => {
      const former = await service.register('former', { roles: ['admin'] });
      const { secret } = await issue(former, ['introspect']);
      const asked = { token: (await issue(ada)).secret };
      expect((await ask(asked, { authorization: `Bearer ${secret}` })).status).toBe(200);
      await service.change(former, { roles: ['operator'] });
      expect((await ask(asked, { authorization: `Bearer ${secret}` })).status).toBe(403);
    });

    it('S45 by cookie from another site: 403', async () => {
      const headers = { cookie: `session=${await sessionOf(service, root)}`, 'sec-fetch-site': 'cross-site' };
      const answer = await postForm(service, PATH, { token: gateway }, headers);
      expect(answer.status).toBe(403);
      expect(await answer.json()).toMatchObject({ code: 'cross-origin', error: 'access_denied' });
    });
  });

  describe('refuses a request: 400 invalid_request (RFC 6749, 5.2)', () => {
    it.each([
      ['without a token', 'token_type_hint=access_token', 'token'],
      ['with an empty token', 'token=', 'token'],
      ['with two', 'token=a&token=b', 'token'],
      ['that is empty', '', 'token'],
    ])('%s', async (_, form, field) => {
      const answer = await ask(form);
      expect(answer.status).toBe(400);
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
      const body = (await answer.json()) as { error_description: string; errors: { field: string }[] };
      expect(body).toMatchObject({ status: 400, code: 'invalid-request', error: 'invalid_request' });
      expect(body.error_description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/);
      expect(body.errors[0]?.field).toBe(field);
    });

    it('in JSON, also when the JSON is right: 415', async () => {
      const answer = await call(service, 'POST', PATH, { as: gateway, json: { token: gateway } });
      expect(answer).toMatchObject({ status: 415, body: { code: 'unsupported-media-type', error: 'invalid_request' } });
    });

    it('and a client library, which reads application/json only, is told what was wrong', async () => {
      const refused = oauthClient(service, {
        bearer: gateway,
        spoil: (form) => form.append('token', 'another'),
      }).introspect('any');
      await expect(refused).rejects.toBeInstanceOf(ResponseBodyError);
      await expect(refused).rejects.toMatchObject({ error: 'invalid_request', status: 400 });
    });
  });
});
