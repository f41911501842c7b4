import { checkPassword } from '@tokenlog/contracts/internal/check-password.js';
import { request } from '@tokenlog/platform/nats-request.js';
import { IdentityUnderTest, PASSWORD } from '../testing/identity-under-test.js';

const PER_PAIR = 4;
const PER_ADDRESS = 9;
const PER_ACCOUNT_AT_ONCE = 6;

describe('wrong passwords', () => {
  let identity: IdentityUnderTest;

  beforeAll(async () => {
    identity = await IdentityUnderTest.start({
      LOGIN_ATTEMPTS_PER_ACCOUNT: String(PER_PAIR),
      LOGIN_ATTEMPTS_PER_ADDRESS: String(PER_ADDRESS),
      LOGIN_ATTEMPTS_PER_ACCOUNT_HOURLY: String(2 * PER_ACCOUNT_AT_ONCE),
    });
  });
  afterAll(() => identity?.stop());

  const guess = async (username: string, ip: string) => (await identity.login(username, 'a wrong guess', ip)).status;
  const guesses = async (count: number, username: string, ip: (n: number) => string) => {
    const statuses: number[] = [];
    for (let n = 0; n < count; n++) statuses.push(await guess(username, ip(n)));
    return statuses;
  };
  const tried = (statuses: number[]) => statuses.filter((status) => status === 401).length;
  let networks = 0;
  /** No test's addresses are another's. */
  const someNetwork = () => {
    const network = ++networks;
    return (n: number) => `198.18.${network}.${n}`;
  };

  it('close an account to the address that they come from, and the right one does not open it', async () => {
    await identity.register('ada');
    const at = someNetwork();
    expect(await guesses(PER_PAIR, 'ADA', () => at(1))).toEqual(Array(PER_PAIR).fill(401));
    const answer = await identity.login('ada', PASSWORD, at(1)).expect(429);
    expect(answer.body.code).toBe('too-many-attempts');
    expect(Number(answer.get('Retry-After'))).toBeGreaterThan(800);
    expect(Number(answer.get('Retry-After'))).toBeLessThanOrEqual(900);
    await identity.login('ada', PASSWORD, at(2)).expect(200);
  });

  it('close an account that does not exist in the same way', async () => {
    const at = someNetwork();
    expect(await guesses(PER_PAIR + 1, 'nobody', () => at(1))).toEqual([...Array(PER_PAIR).fill(401), 429]);
    expect(tried(await guesses(12, 'nobody', (n) => at(n + 2)))).toBe(PER_ACCOUNT_AT_ONCE - PER_PAIR);
  });

  it('close an address, whichever accounts they are for', async () => {
    await identity.register('bob');
    const at = someNetwork();
    for (let index = 0; index < PER_ADDRESS; index++) expect(await guess(`user-${index}`, at(1))).toBe(401);
    await identity.login('bob', PASSWORD, at(1)).expect(429);
    await identity.login('bob', PASSWORD, at(2)).expect(200);
  });

  it('of strangers, however many and from wherever, do not lock out whoever has logged in from the same place before', async () => {
    await identity.register('olga');
    const at = someNetwork();
    await identity.login('olga', PASSWORD, at(1)).expect(200);
    const strangers = await guesses(5 * PER_ACCOUNT_AT_ONCE, 'olga', (n) => at(n + 2));
    expect(tried(strangers)).toBe(PER_ACCOUNT_AT_ONCE);
    for (let index = 0; index < PER_ADDRESS; index++) await guess(`someone-${index}`, at(1));
    await identity.login('olga', PASSWORD, at(1)).expect(200);
    const elsewhere = await identity.login('olga', PASSWORD, at(200)).expect(429);
    // It slows: one try more after the hour's share of one.
    expect(Number(elsewhere.get('Retry-After'))).toBeLessThanOrEqual(3600 / PER_ACCOUNT_AT_ONCE);
  });

  it('at a known place are still bounded', async () => {
    await identity.register('pia');
    const at = someNetwork();
    await identity.login('pia', PASSWORD, at(1)).expect(200);
    expect(tried(await guesses(10, 'pia', () => at(1)))).toBe(PER_PAIR);
    await identity.login('pia', PASSWORD, at(1)).expect(429);
  });

  it('are forgotten for the account and the address after a right one; right ones never count', async () => {
    await identity.register('carol');
    const at = someNetwork();
    for (let round = 0; round < 3; round++) {
      expect(await guesses(PER_PAIR - 1, 'carol', () => at(1))).not.toContain(429);
      await identity.login('carol', PASSWORD, at(1)).expect(200);
    }
    for (let login = 0; login < 12; login++) await identity.login('carol', PASSWORD, at(login + 2)).expect(200);
    const atOnce = Array.from({ length: 40 }, (_, n) => identity.login('carol', PASSWORD, at(n < 20 ? 1 : 99)));
    expect((await Promise.all(atOnce)).map(({ status }) => status)).toEqual(Array(40).fill(200));
  });

  it('sent all at once are tried as often as allowed, and not once more', async () => {
    await identity.register('dave');
    const at = someNetwork();
    const from = (ip: (n: number) => string) => Promise.all(Array.from({ length: 60 }, (_, n) => guess('dave', ip(n))));
    expect(tried(await from(() => at(1)))).toBe(PER_PAIR);
    expect(tried(await from((n) => at(n + 2)))).toBe(PER_ACCOUNT_AT_ONCE - PER_PAIR);
    expect(tried(await from((n) => at(n + 100)))).toBe(0);
  });

  it('S11 count when they are entered again, at once too, and the count is that of the login', async () => {
    const { id: userId } = await identity.register('erin');
    const ip = someNetwork()(1);
    const ask = (password: string) => request(identity.tokensNats, checkPassword, { userId, password, ip }, 20_000);
    expect(await ask(PASSWORD)).toEqual({ outcome: 'right' });
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask('a wrong guess')));
    expect(answers.filter(({ outcome }) => outcome === 'wrong')).toHaveLength(PER_PAIR);
    expect(await ask(PASSWORD)).toEqual({ outcome: 'throttled', retryAfterSeconds: expect.any(Number) });
    const answer = await identity.login('erin', PASSWORD, ip).expect(429);
    expect(Number(answer.get('Retry-After'))).toBeGreaterThan(0);
    const { body } = await identity.login('erin', PASSWORD, someNetwork()(1)).expect(200);
    const change = { currentPassword: PASSWORD, newPassword: 'another one of these' };
    const changed = await identity.with(body.session.credential).put('/me/password', change).set('X-Forwarded-For', ip);
    expect([changed.status, Number(changed.get('Retry-After')) > 0]).toEqual([429, true]);
  });

  it('of one /64 are of one address', async () => {
    await identity.register('frank');
    const statuses = await guesses(PER_PAIR + 1, 'frank', (n) => `[2001:DB8:0:1::${n + 1}]:500${n}`);
    expect(statuses).toEqual([...Array(PER_PAIR).fill(401), 429]);
    await identity.login('frank', PASSWORD, '2001:db8:0:2::1').expect(200);
    await identity.login('frank', PASSWORD, '2001:db8:0:1:ffff::1').expect(429);
  });

  it('come from no address where the proxy tells none, and the right one logs in', async () => {
    const { id } = await identity.register('gina');
    await identity.login('gina', PASSWORD, 'x'.repeat(70)).expect(200);
    await identity.login('gina', PASSWORD, '203.0.113.77:5000').expect(200);
    const logins = (await identity.log()).filter(({ entity, type }) => entity === id && type === 'user-logged-in');
    expect(logins.map(({ data }) => (data as { ip: string | null }).ip)).toEqual([null, '203.0.113.77']);
  });

  it('leave neither names nor passwords nor addresses with the counts', async () => {
    const { rows } = await identity.sql.query('SELECT string_agg(key, chr(10)) AS keys FROM identity.wrong_passwords');
    expect(rows[0].keys).not.toMatch(/nobody|dave|guess|198\.18/);
  });
});

describe('what is no password', () => {
  let identity: IdentityUnderTest;

  beforeAll(async () => {
    identity = await IdentityUnderTest.start({ LOGIN_ATTEMPTS_PER_ACCOUNT: '3' });
  });
  afterAll(() => identity?.stop());

  it('S4 a token’s text is never a wrong password, whatever is wrong with it', async () => {
    const ada = await identity.register('ada');
    const token = identity.tokens.issueToken(ada.id, ['rest']);
    const { credential: session } = await identity.as('ada', PASSWORD);
    const texts = [token.slice(0, -1), `${token.slice(0, -1)}-`, 'tkl_', session, session.slice(0, -1)];
    for (const text of texts) {
      for (let n = 0; n < 5; n++) await identity.login('ada', text).expect(401, /wrong-credentials/);
    }
    await identity.register('bob');
    for (let n = 0; n < 5; n++) await identity.login('bob', token).expect(401);
    await identity.login('bob', PASSWORD).expect(200);
    await identity.login('ada', PASSWORD).expect(200);
  });

  it('a password that looks like a token goes on working, and cannot be guessed at will', async () => {
    const password = 'tkl_the old password';
    await identity.register('carol', { password });
    await identity.login('carol', password).expect(200);
    for (let n = 0; n < 3; n++) await identity.login('carol', `tkl_ guess ${n}`).expect(401);
    await identity.login('carol', password).expect(401);
    await identity.login('carol', password, '192.0.2.77').expect(200);
  });

  it('a token can be set as nobody’s password, where it would be taken for itself', async () => {
    const ada = await identity.as('ada', PASSWORD);
    const newPassword = identity.tokens.issueToken(ada.credential, []);
    await ada.put('/me/password', { currentPassword: PASSWORD, newPassword }).expect(400, /newPassword/);
  });

  it('S4 S37 a static key is taken like a token, as often as one likes, also where no password is tried any more', async () => {
    const dora = await identity.register('dora');
    await identity.register('mallory');
    const key = 'a legacy key of dora: schlüssel';
    identity.tokens.importKey(dora.id, key);
    for (const text of [key, `\ufeff${key}\r\n`, `\u00a0${key}\u200b`]) {
      for (let n = 0; n < 3; n++) {
        const { body } = await identity.login('dora', text).expect(200);
        expect(body.user.username).toBe('dora');
      }
    }
    for (let n = 0; n < 3; n++) await identity.login('dora', 'a wrong password of dora').expect(401);
    await identity.login('dora', PASSWORD).expect(429);
    await identity.login('dora', key).expect(200);
    await identity.login('mallory', key).expect(401, /wrong-credentials/);
  });

  it('S4 a token is the same with whatever stands around it', async () => {
    const { id } = await identity.register('eve');
    const token = identity.tokens.issueToken(id, ['rest']);
    for (const text of [`${token}\n`, `\ufeff${token}\r\n`, `\t ${token}\u00a0`, `\u200b${token}\u2060`]) {
      await identity.login('eve', text).expect(200);
    }
  });

  it('no account is given a name that stands for none', async () => {
    const admin = await identity.as('admin', 'correct horse battery');
    for (const username of ['oauth2', 'X-Access-Token']) {
      await admin.post('/users', { username }).expect(400, /username/);
    }
  });
});

describe('where an account has logged in', () => {
  let identity: IdentityUnderTest;

  beforeAll(async () => {
    identity = await IdentityUnderTest.start();
  });
  afterAll(() => identity?.stop());

  const placesOf = async (userId: string) => {
    const sql = 'SELECT network FROM identity.login_addresses WHERE user_id = $1 ORDER BY network';
    return (await identity.sql.query(sql, [userId])).rows.map(({ network }) => network);
  };

  it('is remembered after a right password only, and goes with the user', async () => {
    const { id } = await identity.register('ada');
    await identity.login('ada', PASSWORD, '2001:db8:0:1::1').expect(200);
    await identity.login('ada', PASSWORD, '192.0.2.7').expect(200);
    await identity.login('ada', 'a wrong guess', '192.0.2.8').expect(401);
    await identity.login('ada', identity.tokens.issueToken(id, ['rest']), '192.0.2.9').expect(200);
    expect(await placesOf(id)).toEqual(['192.0.2.7', '2001:db8:0:1::/64']);
    const admin = await identity.as('admin', 'correct horse battery');
    await admin.delete(`/users/${id}`);
    expect(await placesOf(id)).toEqual([]);
  });

  it('is the latest hundred places', async () => {
    const { id } = await identity.register('bob');
    await identity.sql.query(
      `INSERT INTO identity.login_addresses SELECT $1, '198.18.0.' || n, now() - n * interval '1 minute' FROM generate_series(1, 120) n`,
      [id],
    );
    await identity.login('bob', PASSWORD, '192.0.2.7').expect(200);
    const places = await placesOf(id);
    expect(places).toHaveLength(100);
    expect(places).toEqual(expect.arrayContaining(['192.0.2.7', '198.18.0.1', '198.18.0.99']));
  });
});
