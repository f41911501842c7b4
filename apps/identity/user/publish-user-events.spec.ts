import { jetstreamManager } from '@nats-io/jetstream';
import { identityEvent } from '@tokenlog/contracts/identity/identity-events.js';
import { eventually } from '../../../test/support/eventually.js';
import { ADMIN_PASSWORD, IdentityUnderTest, PASSWORD } from '../testing/identity-under-test.js';

describe('what identity publishes', () => {
  let identity: IdentityUnderTest;

  beforeAll(async () => {
    identity = await IdentityUnderTest.start();
    const { id } = await identity.register('ada', { email: 'ada@example.org', phone: '+44 20 7946 0002' });
    const ada = await identity.as('ada', PASSWORD);
    await ada.put('/me/password', { currentPassword: PASSWORD, newPassword: 'a new password' }).expect(204);
    const admin = await identity.as('admin', ADMIN_PASSWORD);
    await admin.patch(`/users/${id}`, { roles: ['operator'] }).expect(200);
    await identity.login('ada', 'a wrong password').expect(401);
    await admin.delete(`/users/${id}`).expect(204);
  });
  afterAll(() => identity?.stop());

  async function published() {
    const { streams } = await jetstreamManager(identity.tokensNats, { checkAPI: false });
    return (await streams.info('IDENTITY')).state;
  }

  it('is the log, every event once and in its order, by the contract', async () => {
    const log = await identity.log();
    await eventually(() => expect(identity.tokens.events).toHaveLength(log.length));
    expect(identity.tokens.events.map(({ id }) => id)).toEqual(log.map(({ id }) => id));
    const types = log.map(({ type }) => type);
    const all = ['user-registered', 'user-logged-in', 'password-changed', 'user-changed', 'user-deleted'];
    expect(new Set(types)).toEqual(new Set(all));
    for (const event of identity.tokens.events) expect(identityEvent.parse(event)).toEqual(event);
  });

  it('counts each user’s versions from 1 without gaps', () => {
    const versions = new Map<string, number>();
    for (const { userId, version } of identity.tokens.events) {
      expect(version).toBe((versions.get(userId) ?? 0) + 1);
      versions.set(userId, version);
    }
  });

  it('S7 has no password, no hash and no contact data in it, in the log or on the stream', async () => {
    const text = JSON.stringify([await identity.log(), identity.tokens.events]);
    for (const secret of [
      PASSWORD,
      ADMIN_PASSWORD,
      'a new password',
      'a wrong password',
      'argon2',
      'example.org',
      '7946 0002',
    ]) {
      expect(text).not.toContain(secret);
    }
  });

  it('is filled again from the log when the stream is deleted while it runs', async () => {
    const { messages } = await published();
    await identity.deleteStream();
    await eventually(async () => expect((await published()).messages).toBe(messages));
  });
});
