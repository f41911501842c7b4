import { CommandBus } from '@nestjs/cqrs';
import { ADMIN_PASSWORD, IdentityUnderTest, PASSWORD } from '../testing/identity-under-test.js';
import { RegisterUser, registration } from '../user/register-user.js';
import { LogInExternally } from './log-in-externally.js';
import { VanishLocalAccounts } from './vanish-local-accounts.js';

/** Nobody listens there: nothing of this needs the provider. */
const env = {
  OIDC_ISSUER: 'http://127.0.0.1:1',
  OIDC_CLIENT_ID: 'tokenlog',
  OIDC_CLIENT_SECRET: 'secret',
  OIDC_REDIRECT_URL: 'http://127.0.0.1:2/login/oidc/callback',
};
const ISSUER = 'http://127.0.0.1:1/';

describe('S17 local accounts that vanish', () => {
  let identity: IdentityUnderTest;
  let commands: CommandBus;

  beforeEach(async () => {
    identity = await IdentityUnderTest.start({ ...env, LOCAL_ACCOUNTS: 'vanish' });
    commands = identity.app.get(CommandBus);
  });
  afterEach(() => identity?.stop());

  const logInExternally = (subject: string, roles: string[] = []) =>
    commands.execute(
      new LogInExternally({ issuer: ISSUER, subject, username: subject, roles, contact: {} }, '192.0.2.1'),
    );
  const names = async () =>
    (await identity.sql.query('SELECT username FROM identity.users ORDER BY username')).rows.map(
      ({ username }) => username,
    );

  it('are erased as by a deletion, once; applications, external users and the admins as the way in stay', async () => {
    const local = await identity.register('local', { displayName: 'Personal Data' });
    await identity.register('helper', { roles: ['helpdesk'] });
    await identity.register('boss', { roles: ['admin'] });
    await identity.register('robot', { kind: 'application', password: null });
    await logInExternally('ada');

    expect(await commands.execute(new VanishLocalAccounts())).toEqual({ vanished: 2, kept: 2 });
    expect(await names()).toEqual(['ada', 'admin', 'boss', 'robot']);
    const events = (await identity.log()).filter(({ entity }) => entity === local.id);
    expect(events.at(-1)).toMatchObject({
      type: 'user-deleted',
      data: { username: 'local' },
      metadata: { by: { kind: 'system' } },
    });
    await identity.login('local', PASSWORD).expect(401);
    await identity.login('admin', ADMIN_PASSWORD).expect(200);

    const before = (await identity.log()).length;
    expect(await commands.execute(new VanishLocalAccounts())).toEqual({ vanished: 0, kept: 2 });
    expect(await identity.log()).toHaveLength(before);
  });

  it('take the local admins along once an admin has come in through the provider', async () => {
    const { user: linked } = await logInExternally('linked');
    await identity.sql.query(`UPDATE identity.users SET roles = '{admin}', last_login_at = NULL WHERE id = $1`, [
      linked.id,
    ]);
    // Linked, and never seen: no proof of a way in.
    expect(await commands.execute(new VanishLocalAccounts())).toEqual({ vanished: 0, kept: 1 });
    const { user } = await logInExternally('grace', ['admin']);
    const admin = await identity.as('admin', ADMIN_PASSWORD);
    await admin.patch(`/users/${user.id}`, { disabled: true }).expect(200);
    expect(await commands.execute(new VanishLocalAccounts())).toEqual({ vanished: 0, kept: 1 });
    await admin.patch(`/users/${user.id}`, { disabled: false }).expect(200);
    expect(await commands.execute(new VanishLocalAccounts())).toEqual({ vanished: 1, kept: 0 });
    expect(await names()).toEqual(['grace', 'linked']);
  });

  it('vanish once, however many instances start', async () => {
    for (let index = 0; index < 8; index++) {
      const told = registration.parse({ username: `local-${index}` });
      await commands.execute(new RegisterUser(told, { by: { kind: 'system' } }));
    }
    const counts = await Promise.all([1, 2, 3].map(() => commands.execute(new VanishLocalAccounts())));
    expect(counts.reduce((sum, { vanished }) => sum + vanished, 0)).toBe(8);
    expect((await identity.log()).filter(({ type }) => type === 'user-deleted')).toHaveLength(8);
  });
});
