import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import pg from 'pg';
import type { DatabasePart } from './database.js';
import { databaseConnection } from './database-url.js';

const ITERATIONS = 4096;

/**
 * Gives a service a login of its own, made where it is missing: a member of its part's role and no more. Run as the owner,
 * after the migrations.
 * @param url of the owner
 * @param login the login's name and password
 * @returns the URL that the service connects with
 */
export async function ensureLogin(
  url: string,
  part: DatabasePart,
  login: { readonly name: string; readonly password: string },
): Promise<string> {
  const client = new pg.Client(databaseConnection(url));
  const name = client.escapeIdentifier(login.name);
  const limits = 'LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT';
  await client.connect();
  try {
    const found = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [login.name]);
    if (found.rowCount === 0) await client.query(`CREATE ROLE ${name}`);
    await client.query(`ALTER ROLE ${name} ${limits} PASSWORD ${client.escapeLiteral(verifierOf(login.password))}`);
    await client.query(`GRANT ${client.escapeIdentifier(part.role)} TO ${name}`);
  } finally {
    await client.end();
  }
  const own = new URL(url);
  own.username = encodeURIComponent(login.name);
  own.password = encodeURIComponent(login.password);
  return own.href;
}

/** What PostgreSQL stores of a password (SCRAM-SHA-256, RFC 5803): it reads it as such, and never has the password in a statement. */
function verifierOf(password: string): string {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, ITERATIONS, 32, 'sha256');
  const keyOf = (name: string) => createHmac('sha256', salted).update(name).digest();
  const storedKey = createHash('sha256').update(keyOf('Client Key')).digest('base64');
  const serverKey = keyOf('Server Key').toString('base64');
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}
