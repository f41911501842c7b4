/** One connection, or one transaction, that runs SQL with `$1` parameters: a `pg` client, or MikroORM's transaction. */
export interface Sql {
  query<Row extends object>(text: string, values?: unknown[]): Promise<{ rows: Row[] }>;
}
