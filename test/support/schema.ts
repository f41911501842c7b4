import type { MikroORM } from '@mikro-orm/postgresql';
import pg from 'pg';
import { testDatabase } from './database.js';

const COLUMNS = `SELECT relname AS "table", attname AS column, format_type(atttypid, atttypmod) AS type, attnotnull AS "isRequired",
    pg_get_expr(adbin, adrelid) AS default
  FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
  WHERE relnamespace = $1::regnamespace AND relname = ANY ($2) AND attnum > 0 AND NOT attisdropped ORDER BY 1, 2`;
const INDEXES = 'SELECT indexdef FROM pg_indexes WHERE schemaname = $1 AND tablename = ANY ($2) ORDER BY 1';

/** The columns of tables, each with its type, nullability and default, and their indexes, keys among them. */
export async function tablesOf(url: string, schema: string, tables: readonly string[], before = 'SELECT') {
  const client = new pg.Client({ connectionString: url, options: `-c search_path=${schema}` });
  await client.connect();
  try {
    await client.query(before);
    return {
      columns: (await client.query(COLUMNS, [schema, tables])).rows,
      indexes: (await client.query(INDEXES, [schema, tables])).rows.map(({ indexdef }) => indexdef),
    };
  } finally {
    await client.end();
  }
}

/** The names of the tables of MikroORM's entities. */
export function tablesOfEntities(orm: MikroORM): string[] {
  const stored = [...orm.getMetadata().getAll().values()].filter(({ virtual }) => !virtual);
  return stored.map(({ tableName }) => tableName);
}

/** The tables as they would be, were they made by MikroORM's entities. */
export async function tablesByEntities(orm: MikroORM, schema: string) {
  const database = await testDatabase();
  try {
    return await tablesOf(database.url, schema, tablesOfEntities(orm), await orm.schema.getCreateSchemaSQL());
  } finally {
    await database.drop();
  }
}
