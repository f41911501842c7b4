import pg from 'pg';

/** What ran in a database, by PostgreSQL's own count. */
export interface Statement {
  /** Without its constants, on one line. */
  readonly text: string;
  readonly calls: number;
  readonly rows: number;
  /** What it wrote to the write-ahead log. */
  readonly walBytes: number;
}

/**
 * Runs `work` and answers each statement that anybody ran in the database meanwhile, a transaction's `BEGIN` and `COMMIT`
 * too. Other databases of the server are not counted, so that tests do not meet.
 */
export async function statementsDuring(databaseUrl: string, work: () => Promise<unknown>): Promise<Statement[]> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    await client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA public');
    const read = async () => (await client.query<Statement & { key: string }>(READ)).rows;
    const before = new Map((await read()).map((statement) => [statement.key, statement]));
    await work();
    return (await read()).flatMap(({ key, text, ...after }) => {
      const { calls, rows, walBytes } = before.get(key) ?? { calls: 0, rows: 0, walBytes: 0 };
      if (after.calls === calls) return [];
      return { text, calls: after.calls - calls, rows: after.rows - rows, walBytes: after.walBytes - walBytes };
    });
  } finally {
    await client.end();
  }
}

const READ = `
  SELECT concat_ws(' ', userid, queryid) AS key, btrim(regexp_replace(query, '\\s+', ' ', 'g')) AS text,
    calls::int, rows::int, wal_bytes::int AS "walBytes"
  FROM public.pg_stat_statements
  WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND toplevel
    AND query NOT LIKE '%pg_stat_statements%'`;
