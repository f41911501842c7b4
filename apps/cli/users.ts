import type { Page, User } from './api.js';
import type { Client } from './client.js';
import { EXIT, localFailure } from './failure.js';
import { isId } from './options.js';

/**
 * A user's id: the text itself where it is one, else that of the account with this name, in whatever case.
 * @throws Failure (not found)
 */
export async function userIdOf(client: Client, text: string): Promise<string> {
  if (isId(text)) return text.toLowerCase();
  // A query of a part of the name: the list may hold many others before the one that is wanted.
  for (let cursor: string | undefined | null; cursor !== null; ) {
    const query = { q: text, limit: 200, cursor };
    const page: Page<User> = await client.call<Page<User>>('identity', 'GET', '/users', { query });
    const found = page.items.find(({ username }) => username.toLowerCase() === text.toLowerCase());
    if (found) return found.id;
    cursor = page.nextCursor;
  }
  throw localFailure(EXIT.notFound, 'user-not-found', `There is no user ${text}.`);
}
