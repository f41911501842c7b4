import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type NatsUser, natsUsers } from './embedded-nats.js';
import { generateSecret } from './generate-secret.js';
import { writePrivately } from './private-file.js';

export { generateSecret };

/** The services that have a login of their own on the database. */
export const databaseUsers = ['identity', 'tokens'] as const;
export type DatabaseUser = (typeof databaseUsers)[number];

/** What a system keeps to itself: generated once, kept with the data that it protects. */
export type Secrets = {
  postgresPassword: string;
  databasePasswords: Record<DatabaseUser, string>;
  natsPasswords: Record<NatsUser, string>;
  tokenPepper: string;
  /** When a database was first in use with these (RFC 3339). From then on there must be one. */
  begunAt?: string;
  /** Whether the first admin's password is still to be shown; absent: there is no admin yet. */
  adminUntold?: boolean;
};

const stored = z.looseObject({
  postgresPassword: z.string().min(1),
  tokenPepper: z.string().min(1),
  natsPasswords: z.record(z.string(), z.string()),
  databasePasswords: z.record(z.string(), z.string()).optional(),
  begunAt: z.string().optional(),
  adminUntold: z.boolean().optional(),
});

/**
 * The secrets of a data folder, made where there are none. What a newer version needs beside those that are there is added;
 * none is ever replaced. Whether there may be none is for `checkExistingData` to say.
 * @throws Error when they cannot be read
 */
export async function loadSecrets(dataDir: string): Promise<Secrets> {
  const found = await readSecrets(dataDir);
  const secrets: Secrets = {
    ...(found ?? { postgresPassword: generateSecret(), tokenPepper: generateSecret() }),
    natsPasswords: { ...generateNatsPasswords(), ...found?.natsPasswords },
    databasePasswords: { identity: generateSecret(), tokens: generateSecret(), ...found?.databasePasswords },
  };
  if (JSON.stringify(secrets) !== JSON.stringify(found)) await writeSecrets(dataDir, secrets);
  return secrets;
}

/**
 * Reads `secrets.json` of a data folder.
 * @returns undefined where there is none
 * @throws Error when it is there and cannot be read, or lacks what opens the data
 */
export async function readSecrets(dataDir: string): Promise<z.infer<typeof stored> | undefined> {
  const file = fileIn(dataDir);
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    // What a parser says of the text quotes it.
    throw unusable(file, code ? `cannot be read: ${message}` : 'is not JSON');
  }
  const read = stored.safeParse(content);
  if (read.success) return read.data;
  throw unusable(file, `has no usable ${[...new Set(read.error.issues.map(({ path }) => path.join('.')))].join(', ')}`);
}

/** Notes that a database is in use with these secrets, the first time. */
export async function noteBegun(dataDir: string, secrets: Secrets): Promise<void> {
  if (secrets.begunAt) return;
  secrets.begunAt = new Date().toISOString();
  await writeSecrets(dataDir, secrets);
}

/** Notes that the first admin's password is about to be made, or that it has been shown. */
export async function noteAdmin(dataDir: string, secrets: Secrets, is: 'untold' | 'told'): Promise<void> {
  if (secrets.adminUntold === (is === 'untold')) return;
  secrets.adminUntold = is === 'untold';
  await writeSecrets(dataDir, secrets);
}

async function writeSecrets(dataDir: string, secrets: Secrets): Promise<void> {
  await writePrivately(fileIn(dataDir), `${JSON.stringify(secrets, null, 2)}\n`);
}

function fileIn(dataDir: string): string {
  return join(dataDir, 'secrets.json');
}

function unusable(file: string, why: string): Error {
  return new Error(
    `${file} ${why}. New secrets would open none of the data: restore it from a back-up, or move the folder away by hand ` +
      'to begin anew. Nothing was changed.',
  );
}

export function generateNatsPasswords(): Record<NatsUser, string> {
  return Object.fromEntries(natsUsers.map((user) => [user, generateSecret()])) as Record<NatsUser, string>;
}
