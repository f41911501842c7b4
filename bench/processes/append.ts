import { type Append, append } from '@tokenlog/event-store/append.js';
import { createLog, createRole } from '@tokenlog/event-store/log.sql.js';
import pg from 'pg';
import { v7 } from 'uuid';
import type { TokenEvent } from '../../apps/tokens/token/token.js';
import type { AppendTask } from '../cases/append.js';
import { givenArguments, serveParent } from '../child.js';

/** Appends to an empty log in batches, on one connection, for some time. */
const { databaseUrl } = givenArguments<{ databaseUrl: string }>();
const SCHEMA = 'log';
const ROLE = 'tokenlog_bench_log';

const client = new pg.Client({ connectionString: databaseUrl, options: `-c search_path=${SCHEMA}` });
await client.connect();
await client.query(createRole(ROLE));

serveParent(async ({ contender, batch, milliseconds }: AppendTask) => {
  await makeEmptyLog();
  const prepare = contender === 'append' ? prepareAppend : prepareInsert;
  let events = 0;
  let spent = 0;
  while (spent < milliseconds) {
    const run = prepare(newTokens(batch));
    const begun = performance.now();
    await client.query('BEGIN');
    const appended = await run();
    await client.query('COMMIT');
    spent += performance.now() - begun;
    if (appended !== batch) throw new Error(`${contender} appended ${appended} events of ${batch}`);
    events += batch;
  }
  return (events / spent) * 1_000;
});

async function makeEmptyLog(): Promise<void> {
  await client.query('RESET role');
  await client.query(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE`);
  await client.query(`CREATE SCHEMA ${SCHEMA}`);
  for (const statement of createLog(SCHEMA, ROLE)) await client.query(statement);
  await client.query(`SET role = ${ROLE}`);
}

function prepareAppend(appends: readonly Append[]) {
  return async () => (await append(client, appends)).length;
}

/** The rows as the columns that PostgreSQL takes: to make them of events is a part of `append` alone. */
function prepareInsert(appends: readonly Append[]) {
  const columns = [
    appends.map(({ stream }) => stream),
    appends.map(() => 1),
    appends.map(({ events }) => events[0]?.type),
    appends.map(({ entity }) => entity),
    appends.map(({ events }) => JSON.stringify(events[0]?.data)),
    appends.map(({ metadata }) => JSON.stringify(metadata)),
  ];
  return async () => {
    const { rowCount } = await client.query(
      `INSERT INTO events (stream, version, type, entity, data, metadata)
       SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::uuid[], $5::jsonb[], $6::jsonb[])`,
      columns,
    );
    return rowCount;
  };
}

function newTokens(count: number): Append[] {
  const by = { kind: 'user', id: v7(), username: 'bench-1' } as const;
  return Array.from({ length: count }, () => {
    const created: TokenEvent = {
      type: 'token-created',
      data: {
        userId: by.id,
        username: by.username,
        description: 'nightly export',
        scopes: ['rest'],
        expiresAt: null,
        secretGeneration: 1,
      },
    };
    const id = v7();
    const metadata = { by, ip: '192.0.2.7', with: { kind: 'session' as const, id: by.id } };
    return { stream: `token-${id}`, entity: id, expectedVersion: 0, events: [created], metadata };
  });
}
