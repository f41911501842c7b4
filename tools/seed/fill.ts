import { v7 } from 'uuid';
import { type Api, Refusal, SeedError } from './client.js';
import { type Person, people, pick, purpose, randomOf, shuffled } from './people.js';

/** What to fill a system with, and as whom. */
export interface FillOptions {
  readonly identity: Api;
  readonly tokens: Api;
  /** A session or token of an admin. */
  readonly credential: string;
  /** The admin's own password, where the policy wants it entered again: see `wantsPassword`. */
  readonly password: string | undefined;
  readonly users: number;
  readonly tokenCount: number;
  /** Calls under way at once. */
  readonly concurrency: number;
  readonly seed: number;
  readonly progress: Progress;
}

/** Told how far it has come. */
export interface Progress {
  readonly begin: (what: string, total: number) => void;
  readonly step: () => void;
  readonly end: () => void;
}

/** What was made. */
export interface Filled {
  readonly users: number;
  /** Were there already, from an earlier seed; they were given tokens too. */
  readonly usersFound: number;
  /** Names that somebody else has; left alone. */
  readonly namesTaken: number;
  readonly usersDisabled: number;
  readonly usersDeleted: number;
  readonly tokens: number;
  readonly edited: number;
  readonly refreshed: number;
  readonly revoked: number;
  readonly deleted: number;
  readonly expiring: number;
  readonly uses: number;
  readonly sessions: number;
}

interface Owner {
  readonly id: string;
  readonly kind: string;
  readonly isNew: boolean;
}

interface Issued {
  readonly id: string;
  readonly owner: Owner;
  readonly secret: string;
}

interface UserView {
  readonly id: string;
  readonly username: string;
  readonly kind: string;
  readonly email: string | null;
  readonly disabled: boolean;
}

const DAY_MS = 86_400_000;
/** Long enough to be issued, short enough to be seen expired soon after. */
const SHORT_LIFETIME_MS = 5000;
/** Below this many, nothing is disabled, deleted or changed. */
const FEW = 4;
const REASONS = ['laptop lost', 'project ended', 'found in a repository', 'replaced'];

/**
 * Whether the policy wants the admin's own password entered again for anything that the seed does. Asks for a user and a
 * token that do not exist: the password comes first, and nothing else comes of it.
 * @param password one that is known already; a wrong one is told here, once, and not by many calls at a time
 * @throws Refusal `wrong-password`
 */
export async function wantsPassword(tokens: Api, credential: string, password?: string): Promise<boolean> {
  const nobody = v7();
  const entered = password === undefined ? {} : { password };
  const calls = [
    { path: '/admin/tokens', json: { userId: nobody, description: 'none', scopes: [] } },
    { path: `/admin/tokens/${nobody}/refresh`, json: {} },
    { path: `/admin/tokens/${nobody}/revoke`, json: {} },
  ];
  for (const { path, json } of calls) {
    try {
      await tokens('POST', path, { as: credential, json: { ...json, ...entered } });
    } catch (error) {
      if (!(error instanceof Refusal) || error.status === 401) throw error;
      if (error.code === 'password-required') return true;
      if (error.status !== 404) throw error;
    }
  }
  return false;
}

/**
 * Registers users, issues tokens to them, and then lets some time pass: tokens are edited, refreshed, used, revoked and
 * deleted, users are disabled and leave, so that every state is there to be seen. Only users that it made are touched.
 * @throws SeedError at the first call that fails
 */
export async function fill(options: FillOptions): Promise<Filled> {
  const { identity, tokens, credential, concurrency, progress } = options;
  const random = randomOf(options.seed);
  const asAdmin = { as: credential };
  const password = options.password === undefined ? {} : { password: options.password };
  const each = async <Item>(what: string, items: readonly Item[], act: (item: Item) => Promise<unknown>) => {
    if (items.length === 0) return;
    progress.begin(what, items.length);
    try {
      await inParallel(items, concurrency, async (item) => {
        await act(item);
        progress.step();
      });
    } finally {
      progress.end();
    }
  };

  const found = new Map<Person, Owner>();
  const wanted = people(options.users, random);
  await each('users', wanted, async (person) => {
    const { user, isNew } = await register(identity, credential, person);
    if (user) found.set(person, { id: user.id, kind: user.kind, isNew });
  });
  // In the order in which they were thought of, not that of the answers: the same seed deals the same tokens.
  const owners = wanted.flatMap((person) => found.get(person) ?? []);
  if (owners.length === 0 && options.tokenCount > 0) throw new SeedError('There is nobody to issue tokens to.');

  const toExpire = share(options.tokenCount, 0.02);
  const wishes = Array.from({ length: options.tokenCount }, (_, index) => ({
    owner: ownerFor(owners, random),
    ...purpose(random),
    ...(index < toExpire && { lifetimeDays: SHORT_LIFETIME_MS / DAY_MS }),
  }));
  const answers = new Map<object, Issued>();
  await each('tokens', wishes, async (wish) => {
    const { owner, description, scopes, lifetimeDays } = wish;
    const expiresAt = lifetimeDays === null ? null : new Date(Date.now() + lifetimeDays * DAY_MS).toISOString();
    const { token, secret } = await tokens<{ token: { id: string }; secret: string }>('POST', '/admin/tokens', {
      ...asAdmin,
      json: { userId: owner.id, description, scopes, expiresAt, ...password },
    });
    answers.set(wish, { id: token.id, owner, secret });
  });
  const issued = wishes.flatMap((wish) => answers.get(wish) ?? []);

  const lasting = shuffled(issued.slice(toExpire), random);
  const take = (fraction: number) => lasting.splice(0, share(options.tokenCount, fraction));
  const [edited, refreshed, revoked, deleted] = [take(0.08), take(0.06), take(0.05), take(0.02)];
  // Used while they all still work; what is refreshed or revoked afterwards has then been used as well.
  const used = shuffled([...lasting, ...edited, ...refreshed, ...revoked], random)
    .slice(0, Math.ceil(options.tokenCount * 0.15))
    .flatMap((token) => Array.from({ length: 1 + Math.floor(random() * 3) }, () => token));
  await each('uses', used, ({ secret }) => tokens('GET', '/tokens/self', { as: secret }));
  const entered = lasting.slice(0, share(options.tokenCount, 0.01));
  await each('sessions', entered, ({ secret }) => tokens('POST', '/sessions', { as: secret }));

  const edits = edited.map(({ id }) => ({ id, ...purpose(random) }));
  await each('edits', edits, ({ id, description, scopes }) =>
    tokens('PATCH', `/admin/tokens/${id}`, { ...asAdmin, json: { description: `${description}, v2`, scopes } }),
  );
  await each('refreshes', refreshed, ({ id }) =>
    tokens('POST', `/admin/tokens/${id}/refresh`, { ...asAdmin, json: password }),
  );
  const revocations = revoked.map(({ id }) => ({ id, reason: pick(REASONS, random) }));
  await each('revocations', revocations, ({ id, reason }) =>
    tokens('POST', `/admin/tokens/${id}/revoke`, { ...asAdmin, json: { reason, ...password } }),
  );
  await each('deletions', deleted, ({ id }) => tokens('DELETE', `/admin/tokens/${id}`, { ...asAdmin, json: password }));

  // Of those who hold a token that would work on first: it then shows what becomes of it.
  const holders = new Set(lasting.map(({ owner }) => owner));
  for (const { owner } of issued.slice(0, toExpire)) holders.delete(owner);
  const persons = shuffled(
    owners.filter(({ isNew, kind }) => isNew && kind === 'person'),
    random,
  );
  const leaving = [...persons.filter((owner) => holders.has(owner)), ...persons.filter((owner) => !holders.has(owner))];
  const toDisable = leaving.splice(0, share(persons.length, 0.02));
  const toDelete = leaving.splice(0, share(persons.length, 0.02));
  await each('users disabled', toDisable, ({ id }) =>
    identity('PATCH', `/users/${id}`, { ...asAdmin, json: { disabled: true } }),
  );
  await each('users deleted', toDelete, ({ id }) => identity('DELETE', `/users/${id}`, asAdmin));

  return {
    users: owners.filter(({ isNew }) => isNew).length,
    usersFound: owners.filter(({ isNew }) => !isNew).length,
    namesTaken: wanted.length - owners.length,
    usersDisabled: toDisable.length,
    usersDeleted: toDelete.length,
    tokens: issued.length,
    edited: edited.length,
    refreshed: refreshed.length,
    revoked: revoked.length,
    deleted: deleted.length,
    expiring: toExpire,
    uses: used.length,
    sessions: entered.length,
  };
}

/** A new user, the one that an earlier seed made, or none: the name may be somebody's who has nothing to do with this. */
async function register(
  identity: Api,
  credential: string,
  person: Person,
): Promise<{ user: UserView | undefined; isNew: boolean }> {
  try {
    return { user: await identity<UserView>('POST', '/users', { as: credential, json: person }), isNew: true };
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'username-taken') throw error;
  }
  const path = `/users?limit=200&q=${encodeURIComponent(person.email)}`;
  const { items } = await identity<{ items: UserView[] }>('GET', path, { as: credential });
  const user = items.find(({ username, email }) => username === person.username && email === person.email);
  return { user: user?.disabled ? undefined : user, isNew: false };
}

/** Most have a few tokens, some have many. */
function ownerFor(owners: readonly Owner[], random: () => number): Owner {
  return owners[Math.floor(random() ** 2 * owners.length)] as Owner;
}

/** So much of `count`, and at least one of more than a few. */
function share(count: number, fraction: number): number {
  return count < FEW ? 0 : Math.max(1, Math.round(count * fraction));
}

/** Does so many at once. The first that fails is the last: no more are begun. */
async function inParallel<Item>(items: readonly Item[], limit: number, act: (item: Item) => Promise<void>) {
  const rest = items.values();
  let failed = false;
  const worker = async () => {
    for (const item of rest) {
      if (failed) return;
      await act(item);
    }
  };
  const workers = Array.from({ length: limit }, () =>
    worker().catch((error) => {
      failed = true;
      throw error;
    }),
  );
  await Promise.all(workers);
}
