import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type NatsUser, natsUsers } from './embedded-nats.js';

/** What a system keeps to itself: generated once, kept with the data that it protects. */
export type Secrets = {
  postgresPassword: string;
  natsPasswords: Record<NatsUser, string>;
  tokenPepper: string;
};

/**
 * Reads `secrets.json` of the data folder, or makes it where there is no data yet.
 * @throws Error when data is there and its secrets are not: new ones would open none of it
 */
export async function loadSecrets(dataDir: string): Promise<Secrets> {
  const file = join(dataDir, 'secrets.json');
  if (existsSync(file)) {
    try {
      return JSON.parse(await readFile(file, 'utf8')) as Secrets;
    } catch (error) {
      throw new Error(`${file} cannot be read: ${(error as Error).message}`);
    }
  }
  if (existsSync(join(dataDir, 'postgres'))) {
    throw new Error(`${file} is missing, and the data beside it cannot be used without: restore it, or set DATA_DIR.`);
  }
  const secrets: Secrets = {
    postgresPassword: generateSecret(),
    natsPasswords: generateNatsPasswords(),
    tokenPepper: generateSecret(),
  };
  await writePrivately(file, `${JSON.stringify(secrets, null, 2)}\n`);
  return secrets;
}

/** 192 random bits that begin with a letter, as nats-server's configuration needs it. */
export function generateSecret(): string {
  return `k${randomBytes(24).toString('hex')}`;
}

export function generateNatsPasswords(): Record<NatsUser, string> {
  return Object.fromEntries(natsUsers.map((user) => [user, generateSecret()])) as Record<NatsUser, string>;
}

/** Replaces a file in one step; only its owner can read it. */
export async function writePrivately(file: string, text: string): Promise<void> {
  const temporary = `${file}.${process.pid}`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, file);
}
