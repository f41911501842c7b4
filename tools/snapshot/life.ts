import { setTimeout as delay } from 'node:timers/promises';
import type { System } from '../system.js';
import { type Answer, httpClient } from '../tour/client.js';

/** What the people of a snapshot, and their tokens, must still find after every upgrade. */
export interface Remembered {
  /** What a login answers; `code` of a refusal. */
  readonly logins: readonly { username: string; password: string; status: number; code?: string }[];
  /** What a guarded service answers to a token's text, whatever has become of the token. */
  readonly credentials: readonly { what: string; secret: string; status: number; code?: string }[];
  /** What an admin is shown of each token, and its whole history. */
  readonly tokens: readonly { id: string; status: number; token?: object; history: readonly object[] }[];
  /** All events of the audit, oldest first. */
  readonly audit: readonly { id: string; type: string }[];
}

export const SNAPSHOT_ADMIN_PASSWORD = 'whole-system-admin-password';
/** Of the systems that snapshots are taken of: none of their secrets opens anything else. */
export const SNAPSHOT_PEPPER = 'the pepper of snapshots, and of nothing else';
export const SNAPSHOT_KEY = 'legacy-key-of-snapshots';
const PASSWORD = 'a password of a snapshot';
const silent = { step: () => undefined, call: () => undefined };

/** Lives a small life on a new system: every state that a token can be in, and every event but the warnings, which take days. */
export async function live(system: System): Promise<Remembered> {
  const [identity, tokens, example] = (['identity', 'tokens', 'example'] as const).map((name) => {
    const client = httpClient(name, system[name].url, silent);
    return async (method: string, path: string, call: object = {}, status?: number): Promise<Answer> => {
      const answer = await client(method, path, call);
      if (status !== undefined && answer.status !== status) {
        throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}, not ${status}`);
      }
      return answer;
    };
  }) as [Client, Client, Client];
  const logIn = (username: string, password: string) => identity('POST', '/login', { json: { username, password } });
  const admin: string = (await logIn('admin', SNAPSHOT_ADMIN_PASSWORD)).body.session.credential;
  const asAdmin = (json?: object) => ({ as: admin, ...(json && { json }) });
  const password = SNAPSHOT_ADMIN_PASSWORD;

  const register = async (username: string, more: object = {}): Promise<string> => {
    const json = { username, password: PASSWORD, mustChangePassword: false, ...more };
    return (await identity('POST', '/users', asAdmin(json), 201)).body.id;
  };
  const issue = async (userId: string, description: string, more: object = {}) => {
    const json = { userId, description, scopes: ['rest'], password, ...more };
    const { token, secret } = (await tokens('POST', '/admin/tokens', asAdmin(json), 201)).body;
    return { id: token.id as string, secret: secret as string };
  };
  const act = async (id: string, verb: string, json: object) =>
    (await tokens('POST', `/admin/tokens/${id}/${verb}`, asAdmin({ password, ...json }))).body.secret as string;

  const ada = await register('ada', { roles: ['operator'] });
  const bob = await register('bob');
  const carl = await register('carl');
  await identity('PATCH', `/users/${ada}`, asAdmin({ roles: ['operator', 'auditor'] }), 200);

  const used = await issue(ada, 'used and edited');
  for (let use = 0; use < 3; use++) await example('GET', '/', { as: used.secret }, 200);
  await tokens(
    'PATCH',
    `/admin/tokens/${used.id}`,
    asAdmin({ description: 'edited', scopes: ['rest', 'tokens'] }),
    200,
  );
  const session: string = (await tokens('POST', '/sessions', { as: used.secret }, 201)).body.session.credential;
  await identity('POST', '/logout', { as: session });

  const refreshed = await issue(ada, 'refreshed');
  const second = await act(refreshed.id, 'refresh', { gracePeriodSeconds: 1 });
  const revoked = await issue(ada, 'revoked');
  await act(revoked.id, 'revoke', { reason: 'it was shown on a screen' });
  const deleted = await issue(ada, 'deleted');
  await tokens('DELETE', `/admin/tokens/${deleted.id}`, asAdmin({ password }), 204);
  const [reassigned, invalid] = [await issue(carl, 'reassigned'), await issue(carl, 'invalid')];
  const suspended = await issue(bob, 'of somebody disabled');
  const soon = new Date(Date.now() + 2_000).toISOString();
  const expired = await issue(ada, 'expired', { expiresAt: soon });
  const later = await issue(ada, 'of a far year', { expiresAt: '2100-01-01T00:00:00.000Z' });

  await identity('DELETE', `/users/${carl}`, asAdmin());
  await identity('PATCH', `/users/${bob}`, asAdmin({ disabled: true }), 200);
  const hers = await act(reassigned.id, 'reassign', { userId: ada });
  await delay(2_500);

  const logins = [];
  for (const [username, given] of [
    ['admin', password],
    ['ada', PASSWORD],
    ['ada', 'not her password'],
    ['bob', PASSWORD],
    ['carl', PASSWORD],
  ] as const) {
    const { status, body } = await logIn(username, given);
    logins.push({ username, password: given, status, ...(body.code && { code: body.code }) });
  }
  const credentials = [];
  for (const [what, secret] of [
    ['used', used.secret],
    ['refreshed: the new secret', second],
    ['refreshed: the one before', refreshed.secret],
    ['revoked', revoked.secret],
    ['deleted', deleted.secret],
    ["reassigned: the new owner's", hers],
    ["reassigned: the last owner's", reassigned.secret],
    ['invalid', invalid.secret],
    ['of somebody disabled', suspended.secret],
    ['expired', expired.secret],
    ['of a far year', later.secret],
    ['a session that was ended', session],
    ['a static key', SNAPSHOT_KEY],
  ] as const) {
    const { status, body } = await example('GET', '/', { as: secret });
    credentials.push({ what, secret, status, ...(body.code && { code: body.code }) });
  }
  // Refusals are written down after they are answered.
  await delay(2_000);
  const all = [used, refreshed, revoked, deleted, reassigned, invalid, suspended, expired, later];
  const read = reader(tokens, admin);
  const ids = [...all.map(({ id }) => id), ...(await read.keys())];
  return { logins, credentials, tokens: await Promise.all(ids.map(read.token)), audit: await read.audit() };
}

type Client = (method: string, path: string, call?: object, status?: number) => Promise<Answer>;

/** Reads what a snapshot remembers, as an admin. */
export function reader(tokens: Client, as: string) {
  const whole = async <Item>(path: string): Promise<Item[]> => {
    const items: Item[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await tokens('GET', `${path}?limit=100${cursor && `&cursor=${cursor}`}`, { as });
      items.push(...(body.items ?? []));
      if (!body.nextCursor) return items;
      cursor = encodeURIComponent(body.nextCursor);
    }
  };
  return {
    /** The tokens of static keys. */
    async keys(): Promise<string[]> {
      const items = await whole<{ id: string; user: string }>('/admin/tokens');
      return items.filter(({ user }) => user === 'admin').map(({ id }) => id);
    },
    async token(id: string): Promise<Remembered['tokens'][number]> {
      const { status, body } = await tokens('GET', `/admin/tokens/${id}`, { as });
      const history = await whole<object>(`/admin/tokens/${id}/history`);
      if (status !== 200) return { id, status, history };
      const { secondsTilExpiry: _, ...token } = body.token;
      return { id, status, token, history };
    },
    async audit(): Promise<Remembered['audit']> {
      const items = await whole<{ id: string; type: string }>('/admin/audit');
      return items.map(({ id, type }) => ({ id, type }));
    },
  };
}
