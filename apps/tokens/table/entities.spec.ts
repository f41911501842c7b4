import { MikroORM } from '@mikro-orm/postgresql';
import { closeDatabase, databaseOptions } from '@tokenlog/platform/database.js';
import pg from 'pg';
import { type TestDatabase, testDatabase } from '../../../test/support/database.js';
import { tablesByEntities, tablesOf, tablesOfEntities } from '../../../test/support/schema.js';
import { TOKENS_DATABASE } from '../config/database-part.js';
import { migrate } from '../migrate.js';
import { ShownToken } from '../token/token-view.js';
import { entities } from './entities.js';

const { schema } = TOKENS_DATABASE;

describe('the entities of the read side', () => {
  let database: TestDatabase;
  let orm: MikroORM;

  beforeAll(async () => {
    database = await testDatabase();
    await migrate(database.url);
    orm = await MikroORM.init({ ...databaseOptions(database.url, TOKENS_DATABASE, entities), schema });
  });
  afterAll(async () => {
    await closeDatabase(orm);
    await database.drop();
  });

  it('have the columns, types, nullability, defaults, keys and indexes that the migrations made, and all of them', async () => {
    const migrated = await tablesOf(database.url, schema, tablesOfEntities(orm));
    expect(migrated.columns.map(({ table }) => table)).toEqual(expect.arrayContaining(tablesOfEntities(orm)));
    expect(await tablesByEntities(orm, schema)).toEqual(migrated);
  });

  it('of the rows that people see: it has the columns of its statement', async () => {
    const { expression, props } = orm.getMetadata().get(ShownToken);
    const client = new pg.Client({ connectionString: database.url, options: `-c search_path=${schema}` });
    await client.connect();
    const { fields } = await client
      .query(`WITH judged AS (SELECT now() AS at) SELECT * FROM (${expression}) AS r LIMIT 0`)
      .finally(() => client.end());
    expect(props.flatMap(({ fieldNames }) => fieldNames)).toEqual(fields.map(({ name }) => name));
  });
});
