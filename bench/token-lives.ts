import { randomUUID } from 'node:crypto';
import { append } from '@tokenlog/event-store/append.js';
import type { NewEvent } from '@tokenlog/event-store/event.js';
import pg from 'pg';
import { TOKENS_DATABASE } from '../apps/tokens/config/database-part.js';
import { Token, type TokenEvent } from '../apps/tokens/token/token.js';

export interface LivesOptions {
  readonly databaseUrl: string;
  /** Tokens that have only been created so far. */
  readonly tokens: readonly string[];
  /** How many events each has at the end, its creation among them; at least three. */
  readonly eventsEach: number;
}

const BATCH = 1_000;
const METADATA = { by: { kind: 'user', id: randomUUID(), username: 'bench-1' }, ip: '192.0.2.7' } as const;

/**
 * Lets tokens live on, in the log alone: they are used in turn, as often as each other; halfway each is edited or refreshed,
 * and one in ten is revoked at the end.
 */
export async function liveOn({ databaseUrl, tokens, eventsEach }: LivesOptions): Promise<void> {
  const { role, schema } = TOKENS_DATABASE;
  const client = new pg.Client({ connectionString: databaseUrl, options: `-c search_path=${schema}` });
  await client.connect();
  try {
    await client.query(`SET role = ${role}`);
    const ends = (index: number) => index % 10 === 9;
    const uses = eventsEach - 2;
    for (let use = 0; use < uses; use++) {
      if (use === Math.floor(uses / 2)) {
        await change(
          client,
          tokens.filter((_, index) => !ends(index)),
        );
      }
      for (const batch of batchesOf(tokens)) await useEach(client, batch);
    }
    for (const batch of batchesOf(tokens.filter((_, index) => ends(index)))) {
      await appendToEach(client, batch, () => ({ type: 'token-revoked', data: { reason: 'no longer needed' } }));
    }
    await client.query('RESET role');
    await client.query('VACUUM ANALYZE');
  } finally {
    await client.end();
  }
}

async function change(client: pg.Client, tokens: readonly string[]): Promise<void> {
  const edited: TokenEvent = {
    type: 'token-edited',
    data: { description: 'weekly export', scopes: ['rest', 'export'], expiresAt: '2099-01-01T00:00:00.000Z' },
  };
  const refreshed: TokenEvent = {
    type: 'token-refreshed',
    data: { secretGeneration: 2, expiresAt: null, gracePeriodEndsAt: '2099-01-01T00:00:00.000Z' },
  };
  for (const batch of batchesOf(tokens)) {
    await appendToEach(client, batch, (index) => (index % 3 === 0 ? refreshed : edited));
  }
}

async function appendToEach(
  client: pg.Client,
  tokens: readonly string[],
  eventOf: (index: number) => NewEvent & TokenEvent,
): Promise<void> {
  await append(
    client,
    tokens.map((id, index) => {
      return { stream: Token.stream(id), entity: id, expectedVersion: 1, events: [eventOf(index)], metadata: METADATA };
    }),
  );
}

/** As a verification appends them: to a stream of its own, in the partition of the month. */
async function useEach(client: pg.Client, tokens: readonly string[]): Promise<void> {
  const at = new Date().toISOString();
  const breakdown = [{ service: 'reports', ip: '192.0.2.7', count: 1 }];
  await client.query(
    `INSERT INTO events (stream, version, type, entity, data, metadata, period)
     SELECT $1, row_number() OVER (), 'token-used', entity, $3, $4, date_trunc('month', now() AT TIME ZONE 'UTC')
     FROM unnest($2::uuid[]) AS used(entity)`,
    [`uses-${randomUUID()}`, tokens, { count: 1, firstAt: at, lastAt: at, breakdown }, { by: METADATA.by }],
  );
}

function batchesOf(tokens: readonly string[]): string[][] {
  const count = Math.ceil(tokens.length / BATCH);
  return Array.from({ length: count }, (_, index) => tokens.slice(index * BATCH, (index + 1) * BATCH));
}
