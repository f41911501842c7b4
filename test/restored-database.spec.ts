import { spawnSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { restoreFromFurtherOn } from '@tokenlog/event-store/testing/test-log.js';
import pg from 'pg';
import { testDatabase } from './support/database.js';
import { eventually } from './support/eventually.js';
import { ADMIN_PASSWORD, expectStatus, PASSWORD, WholeSystem } from './support/whole-system.js';

const WITHIN = { timeoutMs: 10_000 };

/** Holds what the database says on both sides: users come, change and go, and their tokens with them. */
async function worksAsTheDatabaseSays(whole: WholeSystem, name: string): Promise<void> {
  await eventually(async () => {
    whole.admin = await whole.logIn('admin', ADMIN_PASSWORD);
  }, WITHIN);
  const user = await whole.register(name);
  const { secret } = await eventually(() => whole.issue(user.id), WITHIN);
  expectStatus(await whole.example('GET', '/', { as: secret }), 200);
  await eventually(() => whole.logIn(name, PASSWORD), WITHIN);
  await eventually(() => whole.change(user.id, { disabled: true }), WITHIN);
  await eventually(async () => expectStatus(await whole.example('GET', '/', { as: secret }), 401), WITHIN);
  await eventually(() => whole.change(user.id, { disabled: false }), WITHIN);
  await eventually(async () => expectStatus(await whole.example('GET', '/', { as: secret }), 200), WITHIN);
  const deleted = await whole.identity('DELETE', `/users/${user.id}`, { as: whole.admin });
  expect([202, 204]).toContain(deleted.status);
  await eventually(async () => expectStatus(await whole.example('GET', '/', { as: secret }), 401), WITHIN);
}

describe('a database that was restored from an older back-up under newer streams', () => {
  let whole: WholeSystem;

  beforeAll(async () => {
    whole = await WholeSystem.start('restored');
  });
  afterAll(() => whole.stop());

  const postgres = () => join(whole.dataDir, 'postgres');
  /** With its ownership: PostgreSQL does not run as root. */
  const copy = (from: string, to: string) => expect(spawnSync('cp', ['-a', from, to]).status).toBe(0);
  const restore = async () => {
    await whole.system.kill('postgres', 'SIGINT');
    await rm(postgres(), { recursive: true });
    copy(`${postgres()}.backup`, postgres());
    await whole.system.restart('postgres');
  };
  const accepts = async (secret: string) => (await whole.example('GET', '/', { as: secret })).status === 200;

  it('holds on both sides what it says now, while all services ran', async () => {
    const [ada, bob, eve] = [await whole.register('ada'), await whole.register('bob'), await whole.register('eve')];
    const [adas, bobs] = [await whole.issue(ada.id), await whole.issue(bob.id)];
    await whole.change(eve.id, { disabled: true });
    await whole.system.kill('postgres', 'SIGINT');
    copy(postgres(), `${postgres()}.backup`);
    await whole.system.restart('postgres');
    await worksAsTheDatabaseSays(whole, 'before');

    expectStatus(await whole.identity('DELETE', `/users/${ada.id}`, { as: whole.admin }), 204);
    await whole.change(bob.id, { disabled: true });
    await whole.change(eve.id, { disabled: false });
    const carl = await whole.register('carl');
    const carls = await whole.issue(carl.id);
    expect([await accepts(adas.secret), await accepts(bobs.secret), await accepts(carls.secret)]).toEqual([
      false,
      false,
      true,
    ]);

    await restore();
    await worksAsTheDatabaseSays(whole, 'after');
    // Ada and Bob are there again, as of the back-up; Carl never was.
    await eventually(async () => expect(await accepts(adas.secret)).toBe(true), WITHIN);
    expect([await accepts(bobs.secret), await accepts(carls.secret)]).toEqual([true, false]);
    await expect(whole.logIn('carl', PASSWORD)).rejects.toThrow();
    expect((await whole.identity('POST', '/login', { json: { username: 'eve', password: PASSWORD } })).status).toBe(
      403,
    );
    // What happens to them now holds, though the stream has seen later versions of them.
    await whole.change(bob.id, { disabled: true });
    await eventually(async () => expect(await accepts(bobs.secret)).toBe(false), WITHIN);
    expectStatus(await whole.identity('DELETE', `/users/${ada.id}`, { as: whole.admin }), 204);
    expect(await accepts(adas.secret)).toBe(false);
  });

  it('and again, with the streams wiped as well', async () => {
    await whole.system.kill('nats', 'SIGKILL');
    await rm(join(whole.dataDir, 'nats'), { recursive: true });
    await restore();
    await whole.system.restart('nats');
    await worksAsTheDatabaseSays(whole, 'wiped');
  });

  it('streams that were wiped alone are filled again, and everything goes on', async () => {
    await whole.system.kill('nats', 'SIGKILL');
    await rm(join(whole.dataDir, 'nats'), { recursive: true });
    await whole.system.restart('nats');
    await worksAsTheDatabaseSays(whole, 'streams-wiped');
  });
});

describe('streams under another database', () => {
  it('are kept and go on with its events, and then again with those of the first', async () => {
    const [first, second] = [await testDatabase(), await testDatabase()];
    let whole = await WholeSystem.start('another', { DATABASE_URL: first.url });
    const { dataDir } = whole;
    const user = await whole.register('of-the-first');
    const { secret } = await whole.issue(user.id);
    await whole.stop();

    whole = await WholeSystem.startIn(dataDir, { DATABASE_URL: second.url });
    await worksAsTheDatabaseSays(whole, 'of-the-second');
    const { rows } = await query(second.url, 'SELECT username FROM tokens.users ORDER BY 1');
    expect(rows).toEqual([{ username: 'admin' }, { username: 'of-the-second' }]);
    await whole.stop();

    whole = await WholeSystem.startIn(dataDir, { DATABASE_URL: first.url });
    expectStatus(await whole.example('GET', '/', { as: secret }), 200);
    await worksAsTheDatabaseSays(whole, 'of-the-first-again');
    await whole.stop();
    await Promise.all([first.drop(), second.drop()]);
  });
});

describe('a dump that was restored into a cluster whose transactions are numbered lower', () => {
  it('goes on behind what it has: logins, new users, deletions, disabling, and the audit in its order', async () => {
    const database = await testDatabase();
    let whole = await WholeSystem.start('dump', { DATABASE_URL: database.url });
    const user = await whole.register('of-the-dump');
    const { secret, token } = await whole.issue(user.id);
    await whole.stop();
    const owner = new pg.Client(database.url);
    await owner.connect();
    for (const schema of ['identity', 'tokens']) await restoreFromFurtherOn(owner, 7_000_000_000, schema);
    await owner.end();

    whole = await WholeSystem.startIn(whole.dataDir, { DATABASE_URL: database.url });
    expectStatus(await whole.example('GET', '/', { as: secret }), 200);
    await worksAsTheDatabaseSays(whole, 'after-the-dump');
    const json = { password: ADMIN_PASSWORD };
    expectStatus(await whole.tokens('POST', `/admin/tokens/${token.id}/revoke`, { as: whole.admin, json }), 200);
    await eventually(async () => {
      const path = `/admin/audit?token=${token.id}`;
      const { items } = expectStatus(await whole.tokens('GET', path, { as: whole.admin }), 200).body;
      expect(items.map(({ type }: { type: string }) => type)).toEqual(['token-created', 'token-used', 'token-revoked']);
    }, WITHIN);
    await whole.stop();
    await database.drop();
  });
});

describe("a stranger's transaction that stays open, in another database of the cluster", () => {
  it('keeps nobody waiting: logins, new users, deletions and disabling go on', async () => {
    const whole = await WholeSystem.start('stranger');
    const url = new URL(whole.system.databaseUrl);
    url.pathname = '/postgres';
    const stranger = new pg.Client(url.href);
    await stranger.connect();
    await stranger.query('CREATE TABLE coffee (cup int)');
    await stranger.query('BEGIN');
    await stranger.query('INSERT INTO coffee VALUES (1)');
    const user = await whole.register('waits-for-nobody');
    const { secret } = await whole.issue(user.id);
    await whole.logIn('waits-for-nobody', PASSWORD);
    expectStatus(await whole.identity('DELETE', `/users/${user.id}`, { as: whole.admin }), 204);
    expectStatus(await whole.example('GET', '/', { as: secret }), 401);
    await stranger.end();
    await whole.stop();
  });
});

async function query(url: string, text: string) {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return await client.query(text);
  } finally {
    await client.end();
  }
}
