import { checkPassword } from '@tokenlog/contracts/internal/check-password.js';
import { request } from '@tokenlog/platform/nats-request.js';
import { ADMIN_PASSWORD, IdentityUnderTest, PASSWORD } from '../testing/identity-under-test.js';

describe('S11 the token service asks about a password', () => {
  let identity: IdentityUnderTest;

  beforeAll(async () => {
    identity = await IdentityUnderTest.start();
  });
  afterAll(() => identity?.stop());

  const ask = (userId: string, password: string) =>
    request(identity.tokensNats, checkPassword, { userId, password, ip: '192.0.2.9' });

  it('is told whether it is right', async () => {
    const { id } = await identity.register('ada');
    expect(await ask(id, PASSWORD)).toEqual({ outcome: 'right' });
    expect(await ask(id, 'another one')).toEqual({ outcome: 'wrong' });
  });

  it('is told that there is none', async () => {
    const { id } = await identity.register('bob', { password: null });
    expect(await ask(id, PASSWORD)).toEqual({ outcome: 'no-local-password' });
  });

  it('is told `wrong` for a user who is unknown, deleted or disabled', async () => {
    const { id } = await identity.register('carol');
    const admin = await identity.as('admin', ADMIN_PASSWORD);
    await admin.patch(`/users/${id}`, { disabled: true }).expect(200);
    expect(await ask(id, PASSWORD)).toEqual({ outcome: 'wrong' });
    await admin.delete(`/users/${id}`).expect(204);
    expect(await ask(id, PASSWORD)).toEqual({ outcome: 'wrong' });
  });

  it('is answered even when it asks nonsense', async () => {
    const reply = await identity.tokensNats.request(checkPassword.subject, 'not json');
    expect(reply.json()).toEqual({
      error: {
        code: 'invalid-request',
        detail: 'body: not JSON',
        errors: [{ field: 'body', detail: 'not JSON' }],
      },
    });
  });
});
