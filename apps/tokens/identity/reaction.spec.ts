import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { PasswordChangeEffect } from '@tokenlog/contracts/identity/password-changed.js';
import type { UserDeleted } from '@tokenlog/contracts/identity/user-deleted.js';
import { v7 } from 'uuid';
import { eventually } from '../../../test/support/eventually.js';
import { StartSession } from '../session/start-session.js';
import { call } from '../testing/http.js';
import { startTokenService, type TestTokenService, type TestUser } from '../testing/token-service.js';
import { CreateToken } from '../verbs/create-token.js';

const FACTS = {
  kind: 'person' as const,
  roles: [],
  disabled: false,
  hasPassword: true,
  mustChangePassword: false,
  hasLoggedIn: true,
};

describe('reactions to identity', () => {
  let service: TestTokenService;

  beforeAll(async () => {
    service = await startTokenService({ POLICY_ON_PASSWORD_CHANGE: 'end-sessions' });
  });
  afterAll(() => service.stop());

  const userWithToken = async (username: string) => {
    const user = await service.register(username);
    const token = { userId: user.id, description: 'export', scopes: ['rest'] };
    const { tokenId, secret } = await service.commands.execute(new CreateToken(service.caller(user), token, 'right'));
    const session = (await call(service, 'POST', '/sessions', { as: secret })).body.session.credential as string;
    return { user, tokenId, secret, session };
  };
  const passwordChanged = (
    user: TestUser,
    tokens: PasswordChangeEffect | null,
    exceptSessionId: string | null = null,
  ) => ({
    ...service.base(user),
    type: 'password-changed' as const,
    user: user.facts,
    tokens,
    exceptSessionId,
  });
  const outcome = async (credential: string) => {
    const reply = await service.verify({ credential });
    return reply.active ? 'active' : reply.reason;
  };
  const history = async (tokenId: string): Promise<string[]> =>
    (
      await service.store.pool.query(
        `SELECT type FROM events WHERE entity = $1 AND type <> 'token-used' ORDER BY position`,
        [tokenId],
      )
    ).rows.map(({ type }) => type);

  it.each([
    ['revoke', 'revoked', 'revoked'],
    ['end-sessions', 'active', 'session-ended'],
    ['keep', 'active', 'active'],
    [null, 'active', 'session-ended'],
  ] as const)(
    'S43 a password change with %s leaves the token %s and its session %s',
    async (effect, token, session) => {
      const ada = await userWithToken(`ada-${effect}`);
      await service.publish(passwordChanged(ada.user, effect));
      expect(await outcome(ada.secret)).toBe(token);
      expect(['session-ended', session]).toContain(await outcome(ada.session));
      if (session === 'active') expect(await outcome(ada.session)).toBe('active');
    },
  );

  it('S43 the session that changes the password goes on, the others end', async () => {
    const user = await service.register('changer');
    const basis = { with: 'password', userId: user.id, userVersion: user.version } as const;
    const [own, other] = [
      await service.commands.execute(new StartSession(basis, null)),
      await service.commands.execute(new StartSession(basis, null)),
    ];
    await service.publish(passwordChanged(user, 'revoke', own.sessionId));
    expect(await outcome(own.credential)).toBe('active');
    expect(await outcome(other.credential)).toBe('session-ended');
  });

  it('S30 a deletion makes tokens invalid, still listed, ends sessions, and says who did it', async () => {
    const bob = await userWithToken('bob');
    await service.delete(bob.user);
    expect(await outcome(bob.secret)).toBe('invalid');
    expect(await outcome(bob.session)).toBe('session-ended');
    expect(await history(bob.tokenId)).toEqual([
      'token-created',
      'session-started',
      'token-invalidated',
      'session-ended',
      'token-refused',
    ]);
  });

  it.each(['password-changed', 'user-deleted', 'user-changed'] as const)(
    'an event that comes twice changes nothing the second time: %s',
    async (type) => {
      const carol = await userWithToken(`carol-${type}`);
      const event =
        type === 'password-changed'
          ? passwordChanged(carol.user, 'revoke')
          : type === 'user-deleted'
            ? { ...service.base(carol.user), type, username: carol.user.facts.username }
            : { ...service.base(carol.user), type, user: { ...carol.user.facts, roles: ['once'] } };
      await service.publish(event);
      const before = await history(carol.tokenId);
      const { rows: user } = await service.store.pool.query('SELECT * FROM users WHERE id = $1', [carol.user.id]);
      await jetstream(service.identity).publish(`identity.${type}`, JSON.stringify(event));
      await service.register(`after-${type}`);
      expect(await history(carol.tokenId)).toEqual(before);
      expect((await service.store.pool.query('SELECT * FROM users WHERE id = $1', [carol.user.id])).rows).toEqual(user);
    },
  );

  it('an older event that comes late undoes nothing: tokens made since a password change stay', async () => {
    const dora = await userWithToken('dora');
    const change = passwordChanged(dora.user, 'revoke');
    await service.publish(change);
    const token = { userId: dora.user.id, description: 'made since', scopes: ['rest'] };
    const since = await service.commands.execute(new CreateToken(service.caller(dora.user), token, 'right'));
    await jetstream(service.identity).publish('identity.password-changed', JSON.stringify(change));
    await service.register('after-dora');
    expect(await outcome(since.secret)).toBe('active');
  });

  it('what happened while the service was down is done when it is up again', async () => {
    const eli = await userWithToken('eli');
    await service.app.close();
    const deleted: UserDeleted = { ...service.base(eli.user), type: 'user-deleted', username: 'eli' };
    await jetstream(service.identity).publish('identity.user-deleted', JSON.stringify(deleted), { msgID: deleted.id });
    await service.restart();
    await eventually(async () => expect(await outcome(eli.secret)).toBe('invalid'));
  });

  it('a stream that was deleted and made again is read again, and nothing happens twice', async () => {
    const fay = await userWithToken('fay');
    const manager = await jetstreamManager(service.identity);
    await manager.streams.delete('IDENTITY');
    await manager.streams.add({ name: 'IDENTITY', subjects: ['identity.*'] });
    const before = await history(fay.tokenId);
    await service.publish(passwordChanged(fay.user, 'keep'));
    expect(await history(fay.tokenId)).toEqual(before);
    await service.delete(fay.user);
    expect(await outcome(fay.secret)).toBe('invalid');
  });

  it('S32 a user who is disabled loses the sessions for good: enabled again, an old one stays ended and unlisted', async () => {
    const gus = await userWithToken('gus');
    const basis = { with: 'password', userId: gus.user.id, userVersion: gus.user.version } as const;
    const own = await service.commands.execute(new StartSession(basis, null));
    await service.change(gus.user, { disabled: true });
    const listed = async () =>
      (await service.store.pool.query('SELECT 1 FROM sessions WHERE user_id = $1 AND ended_at IS NULL', [gus.user.id]))
        .rows;
    expect(await listed()).toEqual([]);
    expect(await outcome(gus.secret)).toBe('user-disabled');
    await service.change(gus.user, { disabled: false });
    expect(await outcome(own.credential)).toBe('session-ended');
    expect(await outcome(gus.session)).toBe('session-ended');
    expect(await outcome(gus.secret)).toBe('active');
  });

  it('S43 a password change that is heard of late leaves the sessions that began with the new password', async () => {
    const ida = await userWithToken('ida');
    const before = { with: 'password', userId: ida.user.id, userVersion: ida.user.version } as const;
    const old = await service.commands.execute(new StartSession(before, null));
    const change = passwordChanged(ida.user, 'end-sessions');
    // The login comes first, with what identity says of the user as of then.
    const basis = { ...before, userVersion: ida.user.version + 1, userEpoch: 0, user: ida.user.facts };
    const since = await service.commands.execute(new StartSession(basis, null));
    await service.publish(change);
    expect(await outcome(old.credential)).toBe('session-ended');
    expect(await outcome(since.credential)).toBe('active');
  });

  it('a login needs no stream: what is said of the user comes with it', async () => {
    const id = v7();
    const facts = { ...FACTS, username: 'new-here' };
    const basis = { with: 'password', userId: id, userVersion: 2, userEpoch: 0, user: facts } as const;
    const { credential } = await service.commands.execute(new StartSession(basis, null));
    expect(await outcome(credential)).toBe('active');
    await expect(
      service.commands.execute(
        new StartSession({ ...basis, userVersion: 3, user: { ...facts, disabled: true } }, null),
      ),
    ).rejects.toMatchObject({ code: 'user-disabled' });
  });

  it('an event of a type that is not known yet is left for a version that knows it, and those behind it go on', async () => {
    const event = { id: v7(), type: 'user-petrified', userId: v7(), version: 1 };
    await jetstream(service.identity).publish('identity.user-petrified', JSON.stringify(event));
    const user = await service.register('behind-petrified');
    expect((await service.store.pool.query('SELECT 1 FROM users WHERE id = $1', [user.id])).rows).toHaveLength(1);
    const { rows } = await service.store.pool.query('SELECT subject FROM left_messages');
    expect(rows).toEqual([{ subject: 'identity.user-petrified' }]);
  });

  it('an event that is not by the contract is left out, and those behind it are not kept waiting', async () => {
    await jetstream(service.identity).publish('identity.user-changed', 'nonsense');
    await jetstream(service.identity).publish('identity.user-changed', '{"type":"user-changed"}');
    const user = await service.register('behind-nonsense');
    expect((await service.store.pool.query('SELECT 1 FROM users WHERE id = $1', [user.id])).rows).toHaveLength(1);
  });

  it('a deletion and a creation at once end with the token invalid or not made, never good', async () => {
    for (let round = 0; round < 5; round++) {
      const user = await service.register(`racer-${round}`);
      const token = { userId: user.id, description: 'race', scopes: ['rest'] };
      const creations = Array.from({ length: 6 }, () =>
        service.commands.execute(new CreateToken(service.caller(user), token, 'right')),
      );
      const [results] = await Promise.all([Promise.allSettled(creations), service.delete(user)]);
      for (const result of results) {
        if (result.status === 'fulfilled') expect(await outcome(result.value.secret)).toBe('invalid');
      }
    }
  });
});
