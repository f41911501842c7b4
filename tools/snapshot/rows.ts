import type { ClientBase } from 'pg';
import { SCHEMAS } from './schema.js';

/** A table's rows, as PostgreSQL writes them in JSON. */
export interface Rows {
  readonly table: string;
  readonly rows: readonly object[];
}

/** Every row of a deployment, table by table; those of a table's parts are the table's. */
export async function rowsOf(client: ClientBase): Promise<Rows[]> {
  const tables = await client.query<{ name: string }>(
    `SELECT nspname || '.' || relname AS name FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
     WHERE nspname = ANY ($1) AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1`,
    [SCHEMAS],
  );
  const all: Rows[] = [];
  for (const { name: table } of tables.rows) {
    const { rows } = await client.query<{ row: object }>(`SELECT to_jsonb(t) AS row FROM ${table} t ORDER BY 1`);
    if (rows.length > 0) all.push({ table, rows: rows.map(({ row }) => row) });
  }
  return all;
}

/** Puts rows into tables that are empty, as they were; sequences go on behind them. It takes a superuser. */
export async function putRows(client: ClientBase, all: readonly Rows[]): Promise<void> {
  // Triggers refuse what no service may do.
  await client.query('SET session_replication_role = replica');
  for (const { table, rows } of all) {
    await client.query(
      `INSERT INTO ${table} OVERRIDING SYSTEM VALUE SELECT * FROM jsonb_populate_recordset(NULL::${table}, $1)`,
      [JSON.stringify(rows)],
    );
    const columns = await client.query<{ name: string }>(
      `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0
       AND NOT attisdropped AND pg_get_serial_sequence($1::text, attname::text) IS NOT NULL`,
      [table],
    );
    for (const { name } of columns.rows) {
      await client.query(`SELECT setval(pg_get_serial_sequence($1, $2), (SELECT max(${name}) FROM ${table}))`, [
        table,
        name,
      ]);
    }
  }
  await client.query('RESET session_replication_role');
}
