import { randomBytes } from 'node:crypto';
import pg from 'pg';

export type TestDatabase = {
  url: string;
  /** Ends its sessions and removes it. */
  drop(): Promise<void>;
};

/**
 * A new, empty database on the PostgreSQL of this test run.
 * @param locale in whose words the database speaks of upper and lower case and of order, such as `tr-TR`
 */
export async function testDatabase(locale?: string): Promise<TestDatabase> {
  const server = process.env.TEST_DATABASE_URL;
  if (!server) throw new Error('TEST_DATABASE_URL is not set: run the tests with `npm test`.');
  const name = `test_${randomBytes(8).toString('hex')}`;
  await execute(
    server,
    `CREATE DATABASE ${name} ${locale ? `LOCALE_PROVIDER icu ICU_LOCALE '${locale}' TEMPLATE template0` : ''}`,
  );
  const url = new URL(server);
  url.pathname = `/${name}`;
  // PostgreSQL itself waits up to 5 s for connections that are just closing; only what a test left open is cut off.
  const drop = () =>
    execute(server, `DROP DATABASE IF EXISTS ${name}`).catch(() =>
      execute(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
    );
  return { url: url.href, drop };
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
