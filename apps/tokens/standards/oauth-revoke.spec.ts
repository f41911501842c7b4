import { randomUUID } from 'node:crypto';
import { formatCredential, generateSecret } from '@tokenlog/contracts/credential.js';
import { WWWAuthenticateChallengeError } from 'oauth4webapi';
import { eventually } from '../../../test/support/eventually.js';
import { ImportAccessKeys } from '../import-keys/import-access-keys.js';
import { StartSession } from '../session/start-session.js';
import { call, sessionOf } from '../testing/http.js';
import { oauthClient, postForm } from '../testing/oauth-client.js';
import { shortLived } from '../testing/short-lived.js';
import { startTokenService, type TestTokenService, type TestUser } from '../testing/token-service.js';
import { CreateToken } from '../verbs/create-token.js';
import { DeleteToken } from '../verbs/delete-token.js';
import { EditToken } from '../verbs/edit-token.js';
import { RefreshToken } from '../verbs/refresh-token.js';

const PATH = '/oauth2/revoke';

describe('RFC 7009 revocation', () => {
  let service: TestTokenService;
  let ada: TestUser;
  let root: TestUser;
  let gateway: { tokenId: string; secret: string };

  beforeAll(async () => {
    service = await startTokenService();
    ada = await service.register('ada', { roles: ['operator'] });
    root = await service.register('gateway', { roles: ['admin'] });
    gateway = await issue(root, ['introspect']);
  });
  afterAll(() => service.stop());

  const issue = (user: TestUser, scopes = ['rest'], expiresAt: string | null = null) =>
    service.commands.execute(
      new CreateToken(service.caller(user), { userId: user.id, description: 'export', scopes, expiresAt }, 'right'),
    );
  const refresh = (tokenId: string, gracePeriodSeconds = 0) => {
    const wishes = { password: 'right', gracePeriodSeconds };
    return service.commands.execute(new RefreshToken(service.caller(ada), tokenId, ada.id, wishes));
  };
  const client = () => oauthClient(service, { bearer: gateway.secret });
  const outcome = async (credential: string) => {
    const reply = await service.verify({ credential });
    return reply.active ? 'active' : reply.reason;
  };
  const revocationsOf = async (tokenId: string) =>
    (
      await service.store.pool.query(
        `SELECT data, metadata FROM events WHERE entity = $1 AND type = 'token-revoked' ORDER BY position`,
        [tokenId],
      )
    ).rows;
  const useCount = async (tokenId: string) => {
    const { rows } = await service.store.pool.query('SELECT 1 FROM token_usage WHERE token_id = $1', [tokenId]);
    return rows.length;
  };
  const countEvents = async () =>
    (await service.store.pool.query(`SELECT count(*) FROM events WHERE type NOT IN ('token-used', 'token-refused')`))
      .rows[0].count;

  it.each(['Basic', 'Bearer'])(
    'S21 S29 a client library that shows itself by %s ends the token and its sessions, at once',
    async (scheme) => {
      const { secret: own } = gateway;
      const library = oauthClient(service, scheme === 'Basic' ? { username: 'gateway', secret: own } : { bearer: own });
      const { tokenId, secret } = await issue(ada);
      const basis = { with: 'token', tokenId, generation: 1 } as const;
      const { credential } = await service.commands.execute(new StartSession(basis, null));
      await library.revoke(secret);
      expect(await outcome(secret)).toBe('revoked');
      expect(await outcome(credential)).toBe('session-ended');
    },
  );

  it('history says who did it, with what and why; and no password was asked for', async () => {
    const { tokenId, secret } = await issue(ada);
    service.answerPasswordChecks({ outcome: 'no-local-password' });
    await client().revoke(secret);
    service.answerPasswordChecks({ outcome: 'right' });
    expect(await revocationsOf(tokenId)).toEqual([
      {
        data: { reason: 'presented for revocation (RFC 7009)' },
        metadata: expect.objectContaining({
          by: { kind: 'user', id: root.id, username: 'gateway' },
          with: { kind: 'token', id: gateway.tokenId },
          ip: expect.any(String),
        }),
      },
    ]);
  });

  it('S34 is no use of the token that it ends', async () => {
    const { tokenId, secret } = await issue(ada);
    await client().revoke(secret);
    expect(await useCount(tokenId)).toBe(0);
  });

  it('a second time is a 200 as well, and no event', async () => {
    const { tokenId, secret } = await issue(ada);
    await client().revoke(secret);
    await client().revoke(secret);
    expect(await revocationsOf(tokenId)).toHaveLength(1);
  });

  it('ten at once: one event', async () => {
    const { tokenId, secret } = await issue(ada);
    await Promise.all(Array.from({ length: 10 }, () => client().revoke(secret)));
    expect(await revocationsOf(tokenId)).toHaveLength(1);
  });

  it('a session’s credential ends the session, and leaves its token alone', async () => {
    const { tokenId, secret } = await issue(ada);
    const basis = { with: 'token', tokenId, generation: 1 } as const;
    const { credential } = await service.commands.execute(new StartSession(basis, null));
    await client().revoke(credential);
    expect(await outcome(credential)).toBe('session-ended');
    expect(await outcome(secret)).toBe('active');
  });

  it('S37 an imported key is ended like a token', async () => {
    const key = 'imported-key-of-the-year';
    await service.commands.execute(new ImportAccessKeys([{ line: 1, key, username: 'ada' }]));
    await client().revoke(key);
    expect(await outcome(key)).toBe('revoked');
  });

  it('an expired token is revoked too: an edit of its expiry does not bring it back', async () => {
    const { tokenId, secret } = await shortLived((expiresAt) => issue(ada, ['rest'], expiresAt));
    await eventually(async () => expect(await outcome(secret)).toBe('expired'));
    await client().revoke(secret);
    const later = { expiresAt: new Date(Date.now() + 60_000).toISOString() };
    await expect(
      service.commands.execute(new EditToken(service.caller(ada), tokenId, ada.id, later)),
    ).rejects.toMatchObject({ code: 'token-revoked' });
    expect(await outcome(secret)).toBe('revoked');
    expect(await revocationsOf(tokenId)).toHaveLength(1);
  });

  it('the token of a disabled user is revoked too', async () => {
    const user = await service.register('disabled');
    const { secret } = await issue(user);
    await service.change(user, { disabled: true });
    await client().revoke(secret);
    expect(await outcome(secret)).toBe('revoked');
  });

  it('S19 a replaced secret ends its token while its grace period lasts', async () => {
    const { tokenId, secret } = await issue(ada);
    const next = await refresh(tokenId, 60);
    await client().revoke(secret);
    expect(await outcome(next.secret)).toBe('revoked');
  });

  it('S20 a superseded secret ends nothing: whoever found an old one has no say over the new', async () => {
    const { tokenId, secret } = await issue(ada);
    const next = await refresh(tokenId);
    await client().revoke(secret);
    expect(await outcome(next.secret)).toBe('active');
    expect(await revocationsOf(tokenId)).toEqual([]);
  });

  it.each<[string, () => Promise<string>]>([
    ['malformed', async () => 'nonsense'],
    ['unknown', async () => formatCredential({ prefix: 'tkl', id: randomUUID(), secret: generateSecret() })],
    [
      'with a wrong secret',
      async () => formatCredential({ prefix: 'tkl', id: (await issue(ada)).tokenId, secret: generateSecret() }),
    ],
    [
      'deleted',
      async () => {
        const { tokenId, secret } = await issue(ada);
        await service.commands.execute(new DeleteToken(service.caller(ada), tokenId, ada.id, 'right'));
        return secret;
      },
    ],
    [
      'of a deleted user, which may still be reassigned',
      async () => {
        const user = await service.register('gone');
        const { secret } = await issue(user);
        await service.delete(user);
        return secret;
      },
    ],
  ])('what is no live token is a 200 and changes nothing (RFC 7009, 2.2): %s', async (_, make) => {
    const token = await make();
    const before = await countEvents();
    const answer = await postForm(service, PATH, { token }, { authorization: `Bearer ${gateway.secret}` });
    expect({ status: answer.status, body: await answer.text() }).toEqual({ status: 200, body: '' });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await countEvents()).toBe(before);
  });

  it('a caller may end its own token', async () => {
    const { secret } = await issue(root, ['introspect']);
    await oauthClient(service, { bearer: secret }).revoke(secret);
    expect(await outcome(secret)).toBe('revoked');
  });

  describe('refuses, and revokes nothing', () => {
    let presented: { tokenId: string; secret: string };
    beforeEach(async () => {
      presented = await issue(ada);
    });
    afterEach(async () => expect(await outcome(presented.secret)).toBe('active'));

    it('no caller: 401; holding the token is not enough', async () => {
      const answer = await postForm(service, PATH, { token: presented.secret });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toBe(
        'Bearer realm="tokens", Basic realm="tokens", charset="UTF-8"',
      );
      expect(await answer.json()).toMatchObject({ code: 'credential-missing', error: 'invalid_client' });
    });

    it('a caller without the scope: 403 insufficient_scope; the token to be ended is none of its own to ask with', async () => {
      const headers = { authorization: `Bearer ${presented.secret}` };
      const answer = await postForm(service, PATH, { token: presented.secret }, headers);
      expect(answer.status).toBe(403);
      expect(await answer.json()).toMatchObject({ code: 'scope', error: 'insufficient_scope' });
      await expect(oauthClient(service, { bearer: presented.secret }).revoke(presented.secret)).rejects.toBeInstanceOf(
        WWWAuthenticateChallengeError,
      );
    });

    it('a form without a token: 400', async () => {
      const headers = { authorization: `Bearer ${gateway.secret}` };
      const answer = await postForm(service, PATH, { token_type_hint: 'access_token' }, headers);
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ code: 'invalid-request', error: 'invalid_request' });
    });

    it('JSON: 415', async () => {
      const answer = await call(service, 'POST', PATH, { as: gateway.secret, json: { token: presented.secret } });
      expect(answer).toMatchObject({ status: 415, body: { code: 'unsupported-media-type', error: 'invalid_request' } });
    });

    it('S45 a cookie from another site: 403', async () => {
      const headers = { cookie: `session=${await sessionOf(service, root)}`, origin: 'https://elsewhere.example' };
      expect((await postForm(service, PATH, { token: presented.secret }, headers)).status).toBe(403);
    });
  });
});
