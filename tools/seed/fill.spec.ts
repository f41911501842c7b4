import { newDataDir } from '../../test/support/data-dir.js';
import { testDatabase } from '../../test/support/database.js';
import { eventually } from '../../test/support/eventually.js';
import { generateSecret } from '../secrets.js';
import { type System, startSystem } from '../system.js';
import { api, Refusal } from './client.js';
import { fill, wantsPassword } from './fill.js';
import { people, randomOf } from './people.js';

const adminPassword = generateSecret();
const silent = { begin: () => {}, step: () => {}, end: () => {} };
let system: System;

beforeAll(async () => {
  const database = await testDatabase();
  system = await startSystem({
    dataDir: await newDataDir('seed'),
    ports: 'free',
    fsync: false,
    env: { ...process.env, ADMIN_PASSWORD: adminPassword, DATABASE_URL: database.url, NATS_URL: '' },
  });
});

afterAll(() => system?.stop());

async function seed(users: number, tokenCount: number, password: string | undefined = adminPassword) {
  const { identity, tokens, credential } = await admin();
  const options = { users, tokenCount, password, concurrency: 4, seed: 1, progress: silent };
  return fill({ ...options, identity, tokens, credential });
}

async function admin() {
  const identity = api('identity', system.identity.url);
  const tokens = api('tokens', system.tokens.url);
  const json = { username: 'admin', password: adminPassword };
  const { session } = await identity<{ session: { credential: string } }>('POST', '/login', { json });
  return { identity, tokens, credential: session.credential };
}

test('a small seed shows a token in every state, and users disabled and gone', async () => {
  const filled = await seed(5, 12);
  expect(filled).toMatchObject({ users: 5, usersFound: 0, usersDisabled: 1, usersDeleted: 1, tokens: 12, expiring: 1 });

  const { identity, tokens, credential } = await admin();
  const states = async () => {
    const { items } = await tokens<{ items: { state: string }[] }>('GET', '/admin/tokens?limit=100', {
      as: credential,
    });
    const { items: deleted } = await tokens<{ items: { state: string }[] }>('GET', '/admin/tokens?state=deleted', {
      as: credential,
    });
    return new Set([...items, ...deleted].map(({ state }) => state));
  };
  await eventually(async () => {
    expect(await states()).toEqual(new Set(['active', 'expired', 'revoked', 'invalid', 'deleted']));
  });
  const { items } = await identity<{ items: { username: string; disabled: boolean }[] }>('GET', '/users', {
    as: credential,
  });
  expect(items).toHaveLength(5);
  expect(items.filter(({ disabled }) => disabled)).toHaveLength(1);
});

test('the same seed again finds its people, leaves everybody else alone, and issues more tokens', async () => {
  const { identity, credential } = await admin();
  const [taken] = people(7, randomOf(1)).slice(6);
  await identity('POST', '/users', { as: credential, json: { username: taken?.username, disabled: false } });

  const filled = await seed(7, 8);
  // Of the first five one is disabled, and one was deleted and is made again.
  expect(filled).toMatchObject({ users: 2, usersFound: 3, namesTaken: 2, tokens: 8 });
});

test('a call that is refused is the last, and its reason is told', async () => {
  await expect(seed(5, 500, 'not the password')).rejects.toThrow(
    new Refusal('POST /admin/tokens on tokens', 403, 'wrong-password', 'password: that is not your password.'),
  );
});

test('whether a password is needed is found out without making anything', async () => {
  const { tokens, credential } = await admin();
  const total = async () => (await tokens<{ total: number }>('GET', '/admin/tokens', { as: credential })).total;
  const before = await total();
  expect(await wantsPassword(tokens, credential)).toBe(true);
  expect(await wantsPassword(tokens, credential, adminPassword)).toBe(false);
  await expect(wantsPassword(tokens, credential, 'not the password')).rejects.toMatchObject({ code: 'wrong-password' });
  expect(await total()).toBe(before);
});

test('the same seed makes the same people, and no account name twice', () => {
  const names = people(2000, randomOf(7)).map(({ username }) => username);
  expect(new Set(names).size).toBe(2000);
  expect(people(2000, randomOf(7)).map(({ username }) => username)).toEqual(names);
  expect(people(2000, randomOf(8)).map(({ username }) => username)).not.toEqual(names);
  expect(names.every((name) => /^[a-z0-9][a-z0-9.-]*$/.test(name))).toBe(true);
});
