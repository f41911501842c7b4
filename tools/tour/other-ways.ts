import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import type { System } from '../system.js';
import { type Answer, httpClient } from './client.js';
import type { Narrator } from './narrator.js';

/** What the chapter stands on. */
export interface OtherWaysOptions {
  readonly adminPassword: string;
  readonly narrator: Narrator;
  /** The file that the system was started with as `ACCESS_KEYS_FILE`, with one key for `admin`. */
  readonly accessKeysFile: string;
  /** Goes through the login of the external provider in a browser of its own; the cookie that it ends with. Without it, there is none. */
  readonly logInExternally?: (name: string) => Promise<string>;
}

/**
 * The other ways in which people and programs come to a token: a program of its own, a key of an older system, a login that
 * somebody else vouches for.
 * @throws AssertionError at the first answer that differs from what is promised
 */
export async function playOtherWays(
  system: Pick<System, 'identity' | 'tokens' | 'example'>,
  options: OtherWaysOptions,
): Promise<void> {
  const { adminPassword, narrator } = options;
  const identity = httpClient('identity', system.identity.url, narrator);
  const tokens = httpClient('tokens', system.tokens.url, narrator);
  const example = httpClient('example-api', system.example.url, narrator);
  const login = { json: { username: 'admin', password: adminPassword } };
  const admin = expectStatus(await identity('POST', '/login', login), 200).body.session.credential;

  narrator.step('10. A program is a user of its own: no password, no login, and tokens that an admin makes.');
  const robot = { username: 'nightly-robot', kind: 'application' };
  const { id } = expectStatus(await identity('POST', '/users', { as: admin, json: robot }), 201).body;
  const create = { userId: id, description: 'robot', scopes: ['rest'], password: adminPassword };
  const made = expectStatus(await tokens('POST', '/admin/tokens', { as: admin, json: create }), 201).body;
  strictEqual(expectStatus(await example('GET', '/', { as: made.secret }), 200).body.user.username, robot.username);
  const robotLogin = await identity('POST', '/login', {
    json: { username: robot.username, password: 'no such password' },
  });
  strictEqual(robotLogin.status, 401);

  narrator.step('11. A key of an older system was imported from a file; it works, and the table says <system>.');
  const [key = ''] = (await readFile(options.accessKeysFile, 'utf8')).split('=');
  const withKey = expectStatus(await example('GET', '/', { headers: { 'auth-token': key } }), 200);
  deepStrictEqual(withKey.body.scopes, ['rest']);
  const imported = expectStatus(await tokens('GET', '/admin/tokens?q=access%20key', { as: admin }), 200).body.items;
  strictEqual(imported.length, 1);
  strictEqual(imported[0].createdBy, '<system>');

  if (!options.logInExternally) return;
  narrator.step('12. Grace logs in with the provider of her company; before that, nobody could give her a token.');
  const external = await options.logInExternally('grace-hopper');
  narrator.call('browser     GET /login/oidc → the provider → /login/oidc/callback → the cookie `session`');
  const me = expectStatus(await identity('GET', '/me', { as: external }), 200).body;
  strictEqual(me.user.username, 'grace-hopper');
  strictEqual(me.user.hasPassword, false);
  const noPassword = await tokens('POST', '/tokens', {
    as: external,
    json: { description: 'hers', scopes: ['rest'], password: 'none' },
  });
  strictEqual(noPassword.body.code, 'no-local-password');
  const neverLoggedIn = expectStatus(
    await identity('POST', '/users', { as: admin, json: { username: 'never-logged-in' } }),
    201,
  ).body;
  const early = await tokens('POST', '/admin/tokens', { as: admin, json: { ...create, userId: neverLoggedIn.id } });
  strictEqual(early.body.code, 'user-never-logged-in');
  const hers = await tokens('POST', '/admin/tokens', { as: admin, json: { ...create, userId: me.user.id } });
  ok(expectStatus(hers, 201).body.secret);
}

function expectStatus(answer: Answer, status: number): Answer {
  strictEqual(answer.status, status, `${answer.status} ${JSON.stringify(answer.body)}`);
  return answer;
}
