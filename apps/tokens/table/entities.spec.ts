import { MikroORM } from '@mikro-orm/postgresql';
import { closeDatabase, databaseOptions } from '@tokenlog/platform/database.js';
import pg from 'pg';
import { type TestDatabase, testDatabase } from '../../../test/support/database.js';
import { TOKENS_DATABASE } from '../config/database-part.js';
import { migrate } from '../migrate.js';
import { ShownToken } from '../token/token-view.js';
import { entities } from './entities.js';

const COLUMNS = `SELECT relname AS "table", attname AS column, format_type(atttypid, atttypmod) AS type, attnotnull AS "isRequired",
    pg_get_expr(adbin, adrelid) AS default
  FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
  WHERE relnamespace = 'tokens'::regnamespace AND relname = ANY ($1) AND attnum > 0 AND NOT attisdropped ORDER BY 1, 2`;
const INDEXES = `SELECT indexdef FROM pg_indexes WHERE schemaname = 'tokens' AND tablename = ANY ($1) ORDER BY 1`;

describe('the entities of the read side', () => {
  const databases: TestDatabase[] = [];
  let orm: MikroORM;

  beforeAll(async () => {
    for (let count = 0; count < 2; count++) databases.push(await testDatabase());
    const [migrated] = databases as [TestDatabase];
    await migrate(migrated.url);
    const options = databaseOptions(migrated.url, TOKENS_DATABASE, entities);
    orm = await MikroORM.init({ ...options, schema: TOKENS_DATABASE.schema });
  });
  afterAll(async () => {
    await closeDatabase(orm);
    await Promise.all(databases.map((database) => database.drop()));
  });

  it('have the columns, types, nullability, defaults, keys and indexes that the migrations made, and all of them', async () => {
    const [migrated, made] = databases as [TestDatabase, TestDatabase];
    const stored = [...orm.getMetadata().getAll().values()].filter(({ virtual }) => !virtual);
    const tables = stored.map(({ tableName }) => tableName);
    const read = async (url: string, before = 'SELECT') => {
      const client = new pg.Client({ connectionString: url, options: '-c search_path=tokens' });
      await client.connect();
      try {
        await client.query(before);
        return {
          columns: (await client.query(COLUMNS, [tables])).rows,
          indexes: (await client.query(INDEXES, [tables])).rows.map(({ indexdef }) => indexdef),
        };
      } finally {
        await client.end();
      }
    };
    const byMigrations = await read(migrated.url);
    expect(byMigrations.columns.map(({ table }) => table)).toEqual(expect.arrayContaining(tables));
    expect(await read(made.url, await orm.schema.getCreateSchemaSQL())).toEqual(byMigrations);
  });

  it('of the rows that people see name the columns of its statement', async () => {
    const { expression, props } = orm.getMetadata().get(ShownToken);
    const client = new pg.Client({ connectionString: databases[0]?.url, options: '-c search_path=tokens' });
    await client.connect();
    const { fields } = await client
      .query(`WITH judged AS (SELECT now() AS at) SELECT * FROM (${expression}) AS r LIMIT 0`)
      .finally(() => client.end());
    expect(props.flatMap(({ fieldNames }) => fieldNames)).toEqual(fields.map(({ name }) => name));
  });
});
