import { formatCredential, generateSecret, proofOf } from '@tokenlog/contracts/credential.js';
import { append } from '@tokenlog/event-store/append.js';
import pg from 'pg';
import { v7 } from 'uuid';
import type { Pepper } from '../apps/tokens/config.js';
import { TOKENS_DATABASE } from '../apps/tokens/migrations.js';
import { keyedHash } from '../apps/tokens/secrets.js';
import { Token, type TokenEvent } from '../apps/tokens/token.js';
import { tokenTable } from '../apps/tokens/token-table.js';
import { learnUser } from '../apps/tokens/users.js';

export interface SeedOptions {
  readonly databaseUrl: string;
  readonly pepper: Pepper;
  readonly users: number;
  /** Given to the users in turn. */
  readonly tokens: number;
}

export interface SeededToken {
  readonly id: string;
  readonly proof: string;
  /** The token's text, as its owner has it. */
  readonly credential: string;
}

const BATCH = 1_000;

/**
 * Fills the token service's database as its commands would have: users as identity's events tell of them, each token's
 * creation in the log, and the table from the log by its projection. Only faster: a thousand tokens a transaction.
 * Statistics are up to date at the end, as they are on any database a minute after a change.
 */
export async function seedTokens({ databaseUrl, pepper, users, tokens }: SeedOptions): Promise<SeededToken[]> {
  const { role, schema } = TOKENS_DATABASE;
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(`SET search_path = ${schema}`);
    await client.query(`SET role = ${role}`);
    const owners = await seedUsers(client, users);
    const seeded: SeededToken[] = [];
    while (seeded.length < tokens) {
      const batch = Array.from({ length: Math.min(BATCH, tokens - seeded.length) }, (_, index) => {
        const owner = owners[(seeded.length + index) % owners.length] as Owner;
        return { ...makeToken(), owner };
      });
      await client.query('BEGIN');
      await createTokens(client, pepper, batch);
      await client.query('COMMIT');
      seeded.push(...batch.map(({ owner: _, ...token }) => token));
    }
    await client.query('RESET role');
    await client.query('VACUUM ANALYZE');
    return seeded;
  } finally {
    await client.end();
  }
}

function makeToken(): SeededToken {
  const id = v7();
  const secret = generateSecret();
  return { id, proof: proofOf(secret), credential: formatCredential({ prefix: 'tkl', id, secret }) };
}

interface Owner {
  readonly id: string;
  readonly username: string;
}

async function seedUsers(client: pg.Client, count: number): Promise<Owner[]> {
  const owners = Array.from({ length: count }, (_, index) => ({ id: v7(), username: `bench-${index + 1}` }));
  await client.query('BEGIN');
  for (const { id, username } of owners) {
    const facts = { kind: 'person' as const, roles: ['operator'], hasPassword: true, hasLoggedIn: true };
    const change = {
      userId: id,
      version: 1,
      facts: { ...facts, username, disabled: false, mustChangePassword: false },
    };
    await learnUser(client, change);
  }
  await client.query('COMMIT');
  return owners;
}

async function createTokens(
  client: pg.Client,
  pepper: Pepper,
  tokens: readonly (SeededToken & { owner: Owner })[],
): Promise<void> {
  const recorded = await append(
    client,
    tokens.map(({ id, owner }) => {
      const created: TokenEvent = {
        type: 'token-created',
        data: {
          userId: owner.id,
          username: owner.username,
          description: 'nightly export',
          scopes: ['rest'],
          expiresAt: null,
          secretGeneration: 1,
        },
      };
      const metadata = { by: { kind: 'user' as const, ...owner } };
      return { stream: Token.stream(id), entity: id, expectedVersion: 0, events: [created], metadata };
    }),
  );
  await tokenTable.project(client, recorded);
  await client.query(
    `INSERT INTO secrets (owner, generation, hash, pepper)
     SELECT owner, 1, hash, $3 FROM unnest($1::uuid[], $2::bytea[]) AS new(owner, hash)`,
    [tokens.map(({ id }) => id), tokens.map(({ proof }) => keyedHash(pepper, proof)), pepper.id],
  );
}
