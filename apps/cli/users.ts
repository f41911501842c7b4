import type { Page, User } from './api.js';
import type { Client } from './client.js';
import { EXIT, localFailure } from './failure.js';

/**
 * The id of the user whom a text names by account name, in whatever case, or by id; `id:…` and `name:…` say which.
 * @throws Failure (not found, or `ambiguous-user`)
 */
export async function userIdOf(client: Client, text: string): Promise<string> {
  const query = { user: text, limit: 2 };
  const { items } = await client.call<Page<User>>('identity', 'GET', '/users', { query });
  const [found, ...others] = items;
  // A service from before this filter answers with everybody.
  if (found && others.length === 0) return found.id;
  throw localFailure(EXIT.notFound, 'user-not-found', `There is no user ${text}.`);
}
