import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { Stage } from './stage.js';

/** A database of a case's own, on the PostgreSQL of the stage, which is dropped when the case ends. */
export interface OwnDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

export async function makeDatabase({ system }: Stage): Promise<OwnDatabase> {
  const name = `bench_${randomBytes(8).toString('hex')}`;
  await execute(system.databaseUrl, `CREATE DATABASE ${name}`);
  const url = new URL(system.databaseUrl);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => execute(system.databaseUrl, `DROP DATABASE ${name} WITH (FORCE)`) };
}

async function execute(databaseUrl: string, statement: string): Promise<void> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
