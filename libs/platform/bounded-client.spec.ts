import { MikroORM } from '@mikro-orm/postgresql';
import { Pool } from 'pg';
import { type TestDatabase, testDatabase } from '../../test/support/database.js';
import { Way } from '../../test/support/way.js';
import { answering, boundedPool, patiently } from './bounded-client.js';
import { databaseOptions, migrateDatabase, poolOf } from './database.js';

const PART = { schema: 'bounded', role: 'tokenlog_bounded_test' };

describe('a PostgreSQL that takes what it is asked and does not answer', () => {
  let database: TestDatabase;
  let way: Way;
  let orm: MikroORM;
  let pool: Pool;

  beforeAll(async () => {
    database = await testDatabase();
    await migrateDatabase(database.url, PART, []);
    way = await Way.to(database.url);
    orm = await MikroORM.init(databaseOptions(way.url, PART));
    pool = await poolOf(orm);
  });
  beforeEach(() => way.release());
  afterAll(async () => {
    await orm?.close();
    if (!pool.ending) await pool.end();
    await way?.close();
    await database?.drop();
  });

  const twoSeconds = async (work: () => Promise<unknown>) => {
    const begun = performance.now();
    const error = await work().then(
      () => undefined,
      (error: Error & { code?: string }) => error,
    );
    return { error, tookLong: performance.now() - begun > 10_000 };
  };

  it('fails a statement within the limit, throws the connection away, and serves again when it answers', async () => {
    const client = await pool.connect();
    await client.query('BEGIN');
    way.hold('answers');
    const { error, tookLong } = await twoSeconds(() => client.query('SELECT 1'));
    expect([error?.code, tookLong]).toEqual(['ETIMEDOUT', false]);
    const rollback = await twoSeconds(() => client.query('ROLLBACK'));
    expect([rollback.error?.message, rollback.tookLong]).toEqual([expect.any(String), false]);
    client.release();
    way.release();
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('fails MikroORM’s statements and the wait for a new connection as well', async () => {
    await pool.query('SELECT 1');
    way.hold('answers');
    const statement = await twoSeconds(() => orm.em.getConnection().execute('SELECT 1'));
    expect([statement.error?.message, statement.tookLong]).toEqual([expect.stringContaining('did not answer'), false]);
    const connection = await twoSeconds(() => pool.query('SELECT 1'));
    expect([connection.error, connection.tookLong]).toEqual([expect.any(Error), false]);
  });

  it('gives a statement of a request less time than one that nobody waits for', async () => {
    await expect(pool.query('SELECT pg_sleep(2.5)')).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    await expect(patiently(() => pool.query('SELECT pg_sleep(2.5)'))).resolves.toBeDefined();
  });

  it('gives all statements of an answer no more than what its caller still waits', async () => {
    const answer = answering(400, async () => {
      await pool.query('SELECT pg_sleep(0.3)');
      await pool.query('SELECT pg_sleep(1.5)');
    });
    await expect(answer).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  });
});

test('a lock is waited for less long than a statement, and PostgreSQL says so itself', async () => {
  const database = await testDatabase();
  await migrateDatabase(database.url, PART, []);
  const pool = new Pool({ ...boundedPool, connectionString: database.url, max: 2 });
  const holder = await pool.connect();
  await holder.query('SELECT pg_advisory_lock(1)');
  const waiter = await pool.connect();
  await expect(waiter.query('SELECT pg_advisory_lock(1)')).rejects.toMatchObject({ code: '55P03' });
  expect((await waiter.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  await expect(pool.query('SELECT 1')).rejects.toThrow('timeout exceeded when trying to connect');
  holder.release();
  waiter.release();
  await pool.end();
  await database.drop();
});
