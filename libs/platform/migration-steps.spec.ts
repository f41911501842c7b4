import { jest } from '@jest/globals';
import pg from 'pg';
import { type TestDatabase, testDatabase } from '../../test/support/database.js';
import { stepOf } from '../../test/support/migrations.js';
import { migrateDatabase } from './database.js';
import type { MigrationStep } from './migration-steps.js';
import { waitForDatabase } from './wait-for-servers.js';

const PART = { schema: 'steps', role: 'tokenlog_steps' };
const first = stepOf('1-first', ['CREATE TABLE first (id int)']);
const safe = stepOf('2-safe', ['CREATE TABLE second (id int)'], { isSafeForEarlier: true });
const unsafe = stepOf('3-unsafe', ['ALTER TABLE first ADD COLUMN more int NOT NULL']);

describe('a database that another version has written', () => {
  let database: TestDatabase;
  let sql: pg.Client;

  beforeEach(async () => {
    database = await testDatabase();
    sql = new pg.Client(database.url);
    await sql.connect();
  });
  afterEach(async () => {
    await sql.end();
    await database.drop();
  });

  const start = (migrations: readonly MigrationStep[]) =>
    waitForDatabase({ databaseUrl: database.url, databasePart: PART, migrations });
  const tables = async () =>
    (await sql.query(`SELECT tablename FROM pg_tables WHERE schemaname = 'steps' ORDER BY 1`)).rows.map(
      ({ tablename }) => tablename,
    );

  it('is gone on with where each newer step says that it is safe, and the steps are named', async () => {
    await migrateDatabase(database.url, PART, [first, safe]);
    expect(await migrateDatabase(database.url, PART, [first])).toEqual(['2-safe']);
    const lines: string[] = [];
    const output = jest.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
    await start([first]).finally(() => output.mockRestore());
    const [line] = lines.map((written) => JSON.parse(written));
    expect(line).toMatchObject({ level: 'warn', message: expect.stringContaining('2-safe') });
    // As all lines of a service's log.
    expect(new Date(line.timestamp).toISOString()).toBe(line.timestamp);
  });

  it('is not opened where one does not: neither migrations nor services touch it, and both name the step', async () => {
    await migrateDatabase(database.url, PART, [first, safe, unsafe]);
    const before = await tables();
    const another = stepOf('2-another', ['CREATE TABLE another (id int)']);
    const refused = { name: 'ConfigError', message: expect.stringMatching(/^DATABASE_URL: a newer .*\(3-unsafe\)/) };
    await expect(migrateDatabase(database.url, PART, [first, another])).rejects.toMatchObject(refused);
    expect(await tables()).toEqual(before);
    await expect(start([first])).rejects.toMatchObject(refused);
  });

  it('is another’s business in another schema', async () => {
    await migrateDatabase(database.url, { schema: 'other', role: 'tokenlog_other' }, [first, unsafe]);
    expect(await migrateDatabase(database.url, PART, [first])).toEqual([]);
  });

  it('is not served before its own steps have been run, and the first of them is named', async () => {
    const missing = { name: 'ConfigError', message: expect.stringContaining('2-safe has not been run') };
    await migrateDatabase(database.url, PART, [first]);
    await expect(start([first, safe])).rejects.toMatchObject(missing);
    await migrateDatabase(database.url, PART, [first, safe]);
    await start([first, safe]);
  });

  it('counts as known where the version that ran the steps did not write them down yet', async () => {
    await migrateDatabase(database.url, PART, [first]);
    await sql.query('DROP TABLE tokenlog.migration_steps');
    await expect(start([first])).rejects.toThrow('1-first has not been run');
    expect(await migrateDatabase(database.url, PART, [first])).toEqual([]);
    await start([first]);
  });

  it('remembers a step in the transaction that runs it', async () => {
    const broken = stepOf('2-broken', ['SELECT no_such_thing']);
    await migrateDatabase(database.url, PART, [first]);
    await expect(migrateDatabase(database.url, PART, [first, safe, broken])).rejects.toThrow('no_such_thing');
    const { rows } = await sql.query(`SELECT name FROM tokenlog.migration_steps WHERE part = 'steps'`);
    expect(rows).toEqual([{ name: '1-first' }]);
  });
});
