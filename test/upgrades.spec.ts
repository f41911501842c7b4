import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { closeNats, connectNats } from '@tokenlog/platform/nats.js';
import { VERSION } from '@tokenlog/platform/version.js';
import pg from 'pg';
import { migrate as migrateIdentity } from '../apps/identity/migrate.js';
import { migrate as migrateTokens } from '../apps/tokens/migrate.js';
import { root } from '../tools/paths.js';
import { type Remembered, reader, SNAPSHOT_PEPPER } from '../tools/snapshot/life.js';
import { putRows, type Rows } from '../tools/snapshot/rows.js';
import { MONTH, schemaOf } from '../tools/snapshot/schema.js';
import { putMessages, type StreamMessages } from '../tools/snapshot/streams.js';
import { type TestDatabase, testDatabase } from './support/database.js';
import { eventually } from './support/eventually.js';
import { testNats } from './support/nats.js';
import { PASSWORD, WholeSystem } from './support/whole-system.js';

const folder = join(root, 'test', 'upgrades');
const versions = readdirSync(folder);

/** These go on with the numbers of the cluster that a log was in before. */
const NUMBERS = /^CREATE OR REPLACE FUNCTION \w+\.log_(transaction|snapshot)\(/;

/** The schema, the rows and the streams that a released version left behind, under today's migrations and services. */
describe.each(versions)('what %s has stored', (version) => {
  const read = (name: string) => readFileSync(join(folder, version, name), 'utf8');
  const remembered: Remembered = JSON.parse(read('remembered.json'));
  const streams: StreamMessages[] = JSON.parse(read('streams.json'));
  let database: TestDatabase;
  let fresh: TestDatabase;
  let nats: Awaited<ReturnType<typeof testNats>>;
  let whole: WholeSystem;

  beforeAll(async () => {
    [database, fresh, nats] = await Promise.all([testDatabase(), testDatabase(), testNats()]);
    // The roles are of the whole cluster, and so made already.
    for (const migrate of [migrateIdentity, migrateTokens]) await migrate(fresh.url);
    await onDatabase(database, async (owner) => {
      await owner.query(`SET check_function_bodies = off; ${read('schema.sql')}`);
      await putRows(owner, JSON.parse(read('rows.json')) as Rows[]);
    });
    for (const [user, stream] of [['identity', streams[0]] as const, ['tokens', streams[1]] as const]) {
      const connection = await connectNats(nats.urls[user], user, 'upgrade-test');
      if (stream) await putMessages(connection, stream);
      await closeNats(connection);
    }
    whole = await WholeSystem.start(`upgrade-${version}`, {
      DATABASE_URL: database.url,
      NATS_URL_IDENTITY: nats.urls.identity,
      NATS_URL_TOKENS: nats.urls.tokens,
      NATS_URL_GUARD: nats.urls.guard,
      TOKEN_PEPPER: SNAPSHOT_PEPPER,
    });
  });
  afterAll(async () => {
    await whole?.stop();
    await Promise.all([nats?.stop(), database?.drop(), fresh?.drop()]);
  });

  it('has the schema of a new database after the migrations', async () => {
    const [upgraded, made] = await Promise.all([database, fresh].map((each) => onDatabase(each, schemaOf)));
    const lasting = (statements?: string[]) =>
      statements?.filter((statement) => !MONTH.test(statement) && !NUMBERS.test(statement)).sort();
    expect(lasting(upgraded)).toEqual(lasting(made));
  });

  it('is each token and its history, with its counts, as it was', async () => {
    const now = reader(whole.tokens, whole.admin);
    expect(remembered.tokens.length).toBeGreaterThan(8);
    for (const token of remembered.tokens) expect(await now.token(token.id)).toMatchObject(token);
    expect(remembered.audit.length).toBeGreaterThan(30);
    expect((await now.audit()).slice(0, remembered.audit.length)).toEqual(remembered.audit);
  });

  it.each(remembered.logins)('$username logs in with "$password" as before: $status', async (login) => {
    const { username, password, status, code } = login;
    const answer = await whole.identity('POST', '/login', { json: { username, password } });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  it.each(remembered.credentials)('a guarded service answers as before: $what, $status', async (credential) => {
    const { secret, status, code } = credential;
    const answer = await whole.example('GET', '/', { as: secret });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  it('goes on: identity and the token service agree, and what is new is published behind what is old', async () => {
    const user = await whole.register('of-today');
    const { token, secret } = await eventually(() => whole.issue(user.id), { timeoutMs: 10_000 });
    expect((await whole.example('GET', '/', { as: secret })).status).toBe(200);
    await whole.logIn('of-today', PASSWORD);
    const { items } = (await whole.tokens('GET', `/admin/tokens/${token.id}/history`, { as: whole.admin })).body;
    expect(items).toEqual(expect.arrayContaining([expect.objectContaining({ type: 'token-created' })]));
    await onDatabase(database, async (owner) => {
      const { rows } = await owner.query<{ id: string }>(
        'SELECT id FROM tokens.events ORDER BY transaction_id, position',
      );
      const ids = rows.map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      const before = remembered.audit.map(({ id }) => id);
      expect(ids.slice(0, before.length)).toEqual(before);
    });
  });
});

it('every version from 0.1.0 up to this one that was released has its snapshot', () => {
  const released = [...readFileSync(join(root, 'CHANGELOG.md'), 'utf8').matchAll(/^## (\d+\.\d+\.\d+)/gm)];
  expect(released.map(([, version]) => version).sort()).toEqual(versions.sort());
  expect(versions).toContain(VERSION);
});

async function onDatabase<Result>({ url }: TestDatabase, work: (owner: pg.Client) => Promise<Result>): Promise<Result> {
  const owner = new pg.Client(url);
  await owner.connect();
  try {
    return await work(owner);
  } finally {
    await owner.end();
  }
}
