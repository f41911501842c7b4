import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { NatsConnection } from '@nats-io/transport-node';
import type { VerifyReply } from '@tokenlog/contracts/tokens/verify.js';
import { connectNats } from '@tokenlog/platform/nats.js';
import type { System } from '../system.js';
import { type Answer, httpClient, misspelt, shorten } from './client.js';
import type { Narrator } from './narrator.js';

/** How the story is played. */
export interface StoryOptions {
  readonly adminPassword: string;
  readonly narrator: Narrator;
  /** Kill the token service (-9) in the middle of the thousand uses and of the deletion, and start it again. */
  readonly kill: boolean;
}

const USES = 1000;
const CLIENTS = 8;
const DAY_MS = 86_400_000;

/**
 * The life of two tokens, from the first login to the last line of their history, on a running system. Every answer is
 * compared with what is promised.
 * @throws AssertionError at the first that differs
 */
export async function playStory(
  system: Pick<System, 'identity' | 'tokens' | 'example' | 'natsUrls' | 'kill' | 'restart'>,
  { adminPassword, narrator, kill }: StoryOptions,
): Promise<void> {
  const identity = httpClient('identity', system.identity.url, narrator);
  const tokens = httpClient('tokens', system.tokens.url, narrator);
  const example = httpClient('example-api', system.example.url, narrator);
  const guards = await Promise.all(
    Array.from({ length: CLIENTS }, (_, index) => connectNats(system.natsUrls.guard, 'guard', `tour-${index}`)),
  );
  const verify = async (guard: NatsConnection, request: object, tell = true): Promise<VerifyReply> => {
    const reply: VerifyReply = (
      await guard.request('tokens.verify', JSON.stringify(request), { timeout: 5000 })
    ).json();
    const outcome = reply.active ? `active, ${reply.user.username}` : `refused: ${reply.reason}`;
    if (tell) narrator.call(shorten(`NATS        tokens.verify ${JSON.stringify(request)} → ${outcome}`));
    return reply;
  };
  const [guard] = guards as [NatsConnection, ...NatsConnection[]];
  const killAndRestart = async () => {
    narrator.call('kill -9     the token service, and start it again');
    await system.kill('tokens', 'SIGKILL');
    await system.restart('tokens');
  };
  const logIn = async (username: string, password: string): Promise<string> => {
    const answer = expectStatus(await identity('POST', '/login', { json: { username, password } }), 200);
    return answer.body.session.credential;
  };

  try {
    narrator.step('1. The admin registers ada; the help desk sets her password; she must change it, and does.');
    const admin = await logIn('admin', adminPassword);
    const suffix = randomBytes(3).toString('hex');
    const [adaName, graceName] = [`ada-${suffix}`, `grace-${suffix}`];
    const [initial, chosen, changed] = ['initial-password', 'lovelace-1843', 'analytical-engine'];
    const ada = expectStatus(await identity('POST', '/users', { as: admin, json: { username: adaName } }), 201).body;
    strictEqual(ada.hasPassword, false);
    const set = { actorPassword: adminPassword, newPassword: initial };
    expectStatus(await identity('PUT', `/users/${ada.id}/password`, { as: admin, json: set }), 204);
    const firstLogin = await logIn(adaName, initial);
    expectProblem(await tokens('GET', '/tokens', { as: firstLogin }), 403, 'password-change-required');
    const firstChange = { currentPassword: initial, newPassword: chosen };
    expectStatus(await identity('PUT', '/me/password', { as: firstLogin, json: firstChange }), 204);
    const session = await logIn(adaName, chosen);

    narrator.step('2. Ada creates token A (scope rest, 90 days) and B (no expiry). Their texts are shown once.');
    const expiresAt = new Date(Date.now() + 90 * DAY_MS).toISOString();
    const createA = { description: 'A: nightly export', scopes: ['rest'], expiresAt, password: chosen };
    const a = expectStatus(await tokens('POST', '/tokens', { as: session, json: createA }), 201).body;
    const createB = { description: 'B: dashboard', scopes: ['rest'], password: chosen };
    const b = expectStatus(await tokens('POST', '/tokens', { as: session, json: createB }), 201).body;
    const list = expectStatus(await tokens('GET', '/tokens', { as: session }), 200);
    ok(!JSON.stringify(list.body).includes(a.secret), 'a list must not show a secret');
    strictEqual(list.body.total, 2);
    strictEqual(b.token.expiresAt, null);

    narrator.step('3. The example API answers A in every form, and refuses the rest, each with its own reason.');
    const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    const forms: Answer[] = [
      await example('GET', '/', { headers: { authorization: `token ${a.secret}` } }),
      await example('GET', '/', { headers: { authorization: `BEARER ${a.secret}` } }),
      await example('GET', '/', { headers: { 'auth-token': a.secret } }),
      await example('POST', '/', { form: { auth_token: a.secret } }),
      await example('POST', '/', { json: { auth_token: a.secret } }),
      await example('POST', `/?auth_token=${a.secret}`),
      await example('GET', '/', { headers: { authorization: basic(adaName, a.secret) } }),
    ];
    for (const answer of forms) {
      ok(answer.status === 200 || answer.status === 201, `${answer.status} ${JSON.stringify(answer.body)}`);
      strictEqual(answer.body.user.username, adaName);
      deepStrictEqual(answer.body.scopes, ['rest']);
    }
    expectStatus(await identity('POST', '/login', { json: { username: adaName, password: a.secret } }), 200);
    const c = expectStatus(
      await tokens('POST', '/tokens', {
        as: session,
        json: { description: 'C: of another scope', scopes: ['reports'], password: chosen },
      }),
      201,
    ).body;
    expectProblem(await example('GET', '/'), 401, 'credential-missing');
    expectProblem(await example('GET', '/', { as: 'garbage' }), 401, 'malformed');
    expectProblem(await example('GET', '/', { as: misspelt(a.secret) }), 401, 'malformed');
    expectProblem(await example('GET', '/', { as: c.secret }), 403, 'scope');

    narrator.step(
      `4. ${USES} verifications of A over NATS from ${CLIENTS} clients: the count reads exactly ${USES} more.`,
    );
    const tokenA = async () =>
      expectStatus(await tokens('GET', `/tokens/${a.token.id}`, { as: session }), 200).body.token;
    const before = await tokenA();
    const use = async (each: number) => {
      await Promise.all(
        guards.map(async (client, index) => {
          const request = { credential: a.secret, scopes: ['rest'], service: `client-${index}` };
          for (let count = 0; count < each; count++) {
            const reply = await verify(client, request, index === 0 && count === 0);
            ok(reply.active, JSON.stringify(reply));
          }
        }),
      );
    };
    const half = Math.floor(USES / CLIENTS / 2);
    await use(half);
    if (kill) await killAndRestart();
    await use(USES / CLIENTS - half);
    const after = await tokenA();
    strictEqual(after.useCount, before.useCount + USES);
    strictEqual(after.updatedAt, before.updatedAt, 'a use must not move Last Updated');

    narrator.step('5. Ada refreshes A: the old text is refused, the new one works, expiry and count are as before.');
    const refresh = { json: { password: chosen }, as: session };
    const refreshed = expectStatus(await tokens('POST', `/tokens/${a.token.id}/refresh`, refresh), 200).body;
    strictEqual(refreshed.token.useCount, after.useCount);
    strictEqual(refreshed.token.expiresAt, expiresAt);
    deepStrictEqual(await verify(guard, { credential: a.secret }), { active: false, reason: 'superseded' });
    ok((await verify(guard, { credential: refreshed.secret })).active);

    narrator.step('6. Ada revokes B; from the moment of the answer it is refused.');
    ok((await verify(guard, { credential: b.secret })).active);
    const revoke = { json: { password: chosen, reason: 'not needed' }, as: session };
    expectStatus(await tokens('POST', `/tokens/${b.token.id}/revoke`, revoke), 200);
    deepStrictEqual(await verify(guard, { credential: b.secret }), { active: false, reason: 'revoked' });

    narrator.step('7. Ada changes her password and keeps her tokens: A goes on.');
    const change = { currentPassword: chosen, newPassword: changed, tokens: 'keep' };
    expectStatus(await identity('PUT', '/me/password', { as: session, json: change }), 204);
    ok((await verify(guard, { credential: refreshed.secret })).active);

    narrator.step(
      '8. The admin deletes ada: A is invalid, and still listed. Reassigned to grace it works, with a new text.',
    );
    const grace = expectStatus(
      await identity('POST', '/users', { as: admin, json: { username: graceName } }),
      201,
    ).body;
    if (kill) await system.kill('tokens', 'SIGKILL');
    if (kill) narrator.call('kill -9     the token service');
    await deleteUser();
    deepStrictEqual(await verify(guard, { credential: refreshed.secret }), { active: false, reason: 'invalid' });
    const table = expectStatus(await tokens('GET', `/admin/tokens?user=${adaName}`, { as: admin }), 200).body;
    strictEqual(table.items.find(({ id }: { id: string }) => id === a.token.id).state, 'invalid');
    const reassign = { as: admin, json: { userId: grace.id, password: adminPassword } };
    const reassigned = expectStatus(await tokens('POST', `/admin/tokens/${a.token.id}/reassign`, reassign), 200).body;
    deepStrictEqual(await verify(guard, { credential: refreshed.secret }), { active: false, reason: 'superseded' });
    const asGrace = expectStatus(await example('GET', '/', { as: reassigned.secret }), 200).body;
    strictEqual(asGrace.user.username, graceName);

    narrator.step('9. The history of A tells all of it: who, when, from where.');
    const history = await wholeHistory();
    const told = history
      .filter(({ type }) => !type.startsWith('session-') && type !== 'token-refused')
      .map(({ type }) => type);
    deepStrictEqual(
      told.filter((type, index) => type !== told[index - 1]),
      ['created', 'used', 'refreshed', 'used', 'invalidated', 'reassigned', 'used'].map((word) => `token-${word}`),
    );
    for (const [index, { type, at, by }] of history.entries()) {
      if (type !== history[index - 1]?.type) narrator.call(`            ${at}  ${type}  by ${by}`);
    }
    const uses = history.filter(({ type }) => type === 'token-used').flatMap(({ from }) => from);
    ok(history.filter(({ type }) => type === 'token-used').every(({ by }) => [adaName, graceName].includes(by)));
    const byClients = uses.filter(({ service }) => service?.startsWith('client-'));
    strictEqual(
      byClients.reduce((sum, { count }) => sum + count, 0),
      USES,
    );
    ok(uses.some(({ service, ip }) => service === 'example-api' && ip));
    const row = expectStatus(await tokens('GET', `/admin/tokens/${a.token.id}`, { as: admin }), 200).body.token;
    for (const column of COLUMNS) ok(column in row, `the table has no ${column}`);
    strictEqual(row.createdBy, adaName);
    strictEqual(row.updatedBy, 'admin');

    async function deleteUser() {
      if (!kill) {
        expectStatus(await identity('DELETE', `/users/${ada.id}`, { as: admin }), 204);
        return;
      }
      // Nobody can verify the admin's session while the token service is down: the deletion is asked for as it comes up.
      const deleting = retryWhileDown(() => identity('DELETE', `/users/${ada.id}`, { as: admin }));
      await system.restart('tokens');
      narrator.call('start       the token service again');
      const { status } = await deleting;
      ok(status === 204 || status === 202, `${status}`);
      await until(async () => !(await verify(guard, { credential: refreshed.secret }, false)).active);
    }

    async function wholeHistory() {
      const items: {
        type: string;
        at: string;
        by: string;
        from: { service: string | null; ip: string | null; count: number }[];
      }[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const page: Answer = await tokens('GET', `/admin/tokens/${a.token.id}/history?limit=500&cursor=${cursor}`, {
          as: admin,
        });
        items.push(...expectStatus(page, 200).body.items);
        cursor = page.body.nextCursor;
      }
      return items.reverse();
    }
  } finally {
    await Promise.all(guards.map((connection) => connection.close()));
  }
}

/** S36 */
const COLUMNS = [
  'user',
  'description',
  'expiresAt',
  'secondsTilExpiry',
  'createdAt',
  'createdBy',
  'updatedAt',
  'updatedBy',
  'lastUsedAt',
  'useCount',
  'activeSessions',
  'state',
  'scopes',
];

function expectStatus(answer: Answer, status: number): Answer {
  strictEqual(answer.status, status, `${answer.status} ${shorten(JSON.stringify(answer.body))}`);
  return answer;
}

function expectProblem(answer: Answer, status: number, code: string): void {
  expectStatus(answer, status);
  strictEqual(answer.body.code, code);
  strictEqual(answer.body.status, status);
  ok(answer.headers.get('content-type')?.startsWith('application/problem+json'));
  if (status === 401) ok(answer.headers.get('www-authenticate')?.startsWith('Bearer'));
}

async function retryWhileDown(call: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const answer = await call();
    if (answer.status !== 503) return answer;
    await wait(100);
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    ok(Date.now() < deadline, 'did not come true within 10 s');
    await wait(20);
  }
}
