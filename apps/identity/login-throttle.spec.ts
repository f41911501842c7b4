import { checkPassword } from '@tokenlog/contracts/internal/check-password.js';
import { request } from '@tokenlog/platform/nats-request.js';
import { IdentityUnderTest, PASSWORD } from './testing/identity-under-test.js';

describe('wrong passwords', () => {
  let identity: IdentityUnderTest;

  beforeAll(async () => {
    identity = await IdentityUnderTest.start({ LOGIN_ATTEMPTS_PER_ACCOUNT: '3', LOGIN_ATTEMPTS_PER_ADDRESS: '5' });
  });
  afterAll(() => identity?.stop());

  const guess = async (username: string, ip: string) => (await identity.login(username, 'a wrong guess', ip)).status;

  it('close an account, wherever they come from, and the right one does not open it', async () => {
    await identity.register('ada');
    for (const ip of ['198.51.100.1', '198.51.100.2', '198.51.100.3']) expect(await guess('ADA', ip)).toBe(401);
    const answer = await identity.login('ada', PASSWORD, '198.51.100.4').expect(429);
    expect(answer.body.code).toBe('too-many-attempts');
    expect(Number(answer.get('Retry-After'))).toBeGreaterThan(800);
    expect(Number(answer.get('Retry-After'))).toBeLessThanOrEqual(900);
  });

  it('close an account that does not exist in the same way', async () => {
    for (const ip of ['198.51.100.11', '198.51.100.12', '198.51.100.13']) expect(await guess('nobody', ip)).toBe(401);
    expect(await guess('nobody', '198.51.100.14')).toBe(429);
  });

  it('close an address, whichever accounts they are for', async () => {
    await identity.register('bob');
    for (let index = 0; index < 5; index++) expect(await guess(`user-${index}`, '198.51.100.21')).toBe(401);
    await identity.login('bob', PASSWORD, '198.51.100.21').expect(429);
    await identity.login('bob', PASSWORD, '198.51.100.22').expect(200);
  });

  it('are forgotten for the account after a right one; right ones never count', async () => {
    await identity.register('carol');
    for (let round = 0; round < 2; round++) {
      for (const ip of ['198.51.100.31', '198.51.100.32']) expect(await guess('carol', ip)).toBe(401);
      await identity.login('carol', PASSWORD, '198.51.100.33').expect(200);
    }
    for (let login = 0; login < 12; login++) await identity.login('carol', PASSWORD, '198.51.100.34').expect(200);
  });

  it('sent all at once are no way around it', async () => {
    await identity.register('dave');
    const passwords = [...Array.from({ length: 60 }, (_, index) => `a wrong guess ${index}`), PASSWORD];
    const answers = await Promise.all(
      passwords.map(async (password, index) => (await identity.login('dave', password, `203.0.113.${index}`)).status),
    );
    expect(answers.at(-1)).toBe(429);
    expect(answers).not.toContain(200);
  });

  it('S11 count when they are entered again, and the count is that of the login', async () => {
    const { id: userId } = await identity.register('erin');
    const ask = (password: string) => request(identity.tokensNats, checkPassword, { userId, password, ip: null });
    expect(await ask(PASSWORD)).toEqual({ outcome: 'right' });
    for (let index = 0; index < 3; index++) expect(await ask('a wrong guess')).toEqual({ outcome: 'wrong' });
    expect(await ask(PASSWORD)).toEqual({ outcome: 'throttled', retryAfterSeconds: expect.any(Number) });
    await identity.login('erin', PASSWORD, '198.51.100.41').expect(429);
  });

  it('leave neither names nor passwords in the database', async () => {
    const { rows } = await identity.sql.query('SELECT string_agg(key, chr(10)) AS keys FROM identity.wrong_passwords');
    expect(rows[0].keys).not.toMatch(/nobody|dave|guess/);
  });
});
