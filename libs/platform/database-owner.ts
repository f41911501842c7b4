import { createRole } from '@tokenlog/event-store/log.sql.js';
import type { ClientBase } from 'pg';
import { ConfigError } from './config-error.js';

const DENIED = '42501';

/** The role that a part's service becomes. One that was made beforehand is used as it is. */
export async function ensureRole(owner: ClientBase, { role }: { readonly role: string }): Promise<void> {
  const user = await userOf(owner);
  if (!(await exists(owner, 'SELECT FROM pg_roles WHERE rolname = $1', role))) {
    await owner
      .query(createRole(role))
      .catch(cure(`${user} may not make the role ${role}`, [`CREATE ROLE ${role} NOLOGIN`, granting(role, user)]));
  }
  const { rows } = await owner.query<{ may: boolean }>(`SELECT pg_has_role($1, 'SET') AS may`, [role]);
  if (rows[0]?.may) return;
  const ofAnother =
    ' Or, where that role is another deployment’s of this cluster, set DATABASE_ROLE_PREFIX to a name of your own.';
  await owner
    .query(`GRANT ${role} TO CURRENT_USER`)
    .catch(cure(`${user} may not become the role ${role}`, [granting(role, user)], ofAnother));
}

/** A schema that was made beforehand is used as it is. */
export async function ensureSchema(owner: ClientBase, schema: string): Promise<void> {
  if (await exists(owner, 'SELECT FROM pg_namespace WHERE nspname = $1', schema)) return;
  const { rows } = await owner.query<{ name: string }>('SELECT quote_ident(current_database()) AS name');
  const user = await userOf(owner);
  const database = rows[0]?.name ?? '';
  const granted = [`GRANT CREATE ON DATABASE ${database} TO ${user}`];
  await owner
    .query(`CREATE SCHEMA IF NOT EXISTS ${schema}`)
    .catch(cure(`${user} may not make schemas in the database ${database}`, granted));
}

/** @throws ConfigError where the part was made for a role of another name */
export async function checkGrants(
  owner: ClientBase,
  { role, schema, writtenAs }: { readonly role: string; readonly schema: string; readonly writtenAs?: string },
): Promise<void> {
  if (writtenAs === undefined) return;
  const { rows } = await owner.query<{ may: boolean }>(`SELECT has_schema_privilege($1, $2, 'USAGE') AS may`, [
    role,
    schema,
  ]);
  if (rows[0]?.may) return;
  throw new ConfigError(
    `DATABASE_ROLE_PREFIX is wrong: the schema ${schema} was made for a role of another name than ${role}. ` +
      'Set it to what it was, or rename that role (ALTER ROLE … RENAME TO …) where no other deployment has it.',
  );
}

/** What a refusal that nothing above foresaw says of itself, with the variable that names who was refused. */
export function explained(error: unknown): unknown {
  const { code, message } = error as Error & { code?: string };
  if (code !== DENIED || error instanceof ConfigError) return error;
  return new ConfigError(
    `DATABASE_URL: ${message}. The migrations run as the owner of the database and of all that they made in it.`,
  );
}

function cure(what: string, statements: string[], more = '') {
  return (error: Error & { code?: string }): never => {
    if (error.code !== DENIED) throw error;
    throw new ConfigError(`DATABASE_URL: ${what}. As a superuser, run: ${statements.join('; ')};${more}`);
  };
}

function granting(role: string, user: string): string {
  return `GRANT ${role} TO ${user}`;
}

async function userOf(owner: ClientBase): Promise<string> {
  const { rows } = await owner.query<{ name: string }>('SELECT quote_ident(current_user) AS name');
  return rows[0]?.name ?? '';
}

async function exists(owner: ClientBase, query: string, name: string): Promise<boolean> {
  return (await owner.query(query, [name])).rows.length > 0;
}
