import { formatCredential, generateSecret, proofOf } from '@tokenlog/contracts/credential.js';
import { append } from '@tokenlog/event-store/append.js';
import pg from 'pg';
import { v7 } from 'uuid';
import type { Pepper } from '../apps/tokens/config/config.js';
import { TOKENS_DATABASE } from '../apps/tokens/config/database-part.js';
import { keyedHash } from '../apps/tokens/secret/secrets.js';
import { tokenTable } from '../apps/tokens/table/token-table.js';
import { Token, type TokenEvent } from '../apps/tokens/token/token.js';
import { takeOverFacts } from '../apps/tokens/user/users.js';

export interface SeedOptions {
  readonly databaseUrl: string;
  readonly pepper: Pepper;
  readonly users: number;
  /** Given to the users in turn. */
  readonly tokens: number;
}

export interface SeededToken {
  readonly id: string;
  readonly secret: string;
  readonly proof: string;
  readonly owner: Owner;
}

/** The text that was handed out for a token. */
export function textOf({ id, secret }: SeededToken): string {
  return formatCredential({ prefix: 'tkl', id, secret });
}

const BATCH = 1_000;

/**
 * Fills the token service's database as its commands would have: users as identity's events tell of them, each token's
 * creation in the log, and the table from the log by its projection. Only faster: a thousand tokens a transaction.
 */
export async function seedTokens({ databaseUrl, pepper, users, tokens }: SeedOptions): Promise<SeededToken[]> {
  return asService(databaseUrl, async (client) => {
    const owners = await seedUsers(client, users);
    const wanted = Array.from({ length: tokens }, (_, index) => owners[index % owners.length] as Owner);
    return inBatches(client, wanted, async (batch) => {
      const made = batch.map((owner) => {
        const secret = generateSecret();
        return { id: v7(), secret, proof: proofOf(secret), owner };
      });
      await createTokens(client, made);
      await keepSecrets(client, pepper, made);
      return made;
    });
  });
}

/**
 * Works on the token service's tables as the service does. Statistics are up to date at the end, as they are on any
 * database a minute after a change.
 */
export async function asService<Result>(databaseUrl: string, work: (client: pg.Client) => Promise<Result>) {
  const { role, schema } = TOKENS_DATABASE;
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(`SET search_path = ${schema}`);
    await client.query(`SET role = ${role}`);
    const result = await work(client);
    await client.query('RESET role');
    await client.query('VACUUM ANALYZE');
    return result;
  } finally {
    await client.end();
  }
}

/** A transaction for each batch. */
export async function inBatches<Item, Made>(
  client: pg.Client,
  items: readonly Item[],
  make: (batch: readonly Item[]) => Promise<Made[]>,
): Promise<Made[]> {
  const made: Made[] = [];
  for (let from = 0; from < items.length; from += BATCH) {
    await client.query('BEGIN');
    made.push(...(await make(items.slice(from, from + BATCH))));
    await client.query('COMMIT');
  }
  return made;
}

/** The keyed hash of each secret, the first of its owner: a token or a session. */
export async function keepSecrets(
  client: pg.Client,
  pepper: Pepper,
  owners: readonly { readonly id: string; readonly proof: string }[],
): Promise<void> {
  await client.query(
    `INSERT INTO secrets (owner, generation, hash, pepper)
     SELECT owner, 1, hash, $3 FROM unnest($1::uuid[], $2::bytea[]) AS new(owner, hash)`,
    [owners.map(({ id }) => id), owners.map(({ proof }) => keyedHash(pepper, proof)), pepper.id],
  );
}

interface Owner {
  readonly id: string;
  readonly username: string;
}

async function seedUsers(client: pg.Client, count: number): Promise<Owner[]> {
  const owners = Array.from({ length: count }, () => {
    const id = v7();
    return { id, username: `bench-${id.slice(-12)}` };
  });
  await registerAtIdentity(client, owners);
  await client.query('BEGIN');
  for (const { id, username } of owners) {
    const facts = { kind: 'person' as const, roles: ['operator'], hasPassword: true, hasLoggedIn: true };
    const change = {
      userId: id,
      epoch: 0,
      version: 1,
      facts: { ...facts, username, disabled: false, mustChangePassword: false },
    };
    await takeOverFacts(client, [change]);
  }
  await client.query('COMMIT');
  return owners;
}

/** Where there is identity, it must know of them too: whom it does not know has no good token. */
async function registerAtIdentity(client: pg.Client, owners: readonly Owner[]): Promise<void> {
  await client.query('RESET role');
  const { rows } = await client.query(`SELECT to_regclass('identity.users') IS NOT NULL AS there`);
  if (rows[0].there) {
    await client.query(
      `INSERT INTO identity.users (id, kind, username, must_change_password, roles, disabled, created_at, version)
       SELECT id, 'person', username, false, '{operator}', false, now(), 1
       FROM unnest($1::uuid[], $2::text[]) AS u(id, username)`,
      [owners.map(({ id }) => id), owners.map(({ username }) => username)],
    );
  }
  await client.query(`SET role = ${TOKENS_DATABASE.role}`);
}

async function createTokens(client: pg.Client, tokens: readonly SeededToken[]): Promise<void> {
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
}
