import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { jetstreamManager } from '@nats-io/jetstream';
import { parseCredential, proofOf } from '@tokenlog/contracts/credential.js';
import { connectNats } from '@tokenlog/platform/nats.js';
import { Client } from 'pg';
import { root } from '../tools/paths.js';
import type { Call } from '../tools/tour/client.js';
import { type Operation, operationsOf } from './support/documented.js';
import { eventually } from './support/eventually.js';
import { ADMIN_PASSWORD, expectProblem, expectStatus, PASSWORD, WholeSystem } from './support/whole-system.js';

/** What other people's programs rely on: renaming one of these breaks them. */
const ROUTES = {
  identity: [
    ...['POST /login', 'POST /logout', 'GET /me', 'PATCH /me', 'PUT /me/password', 'GET /me/password/impact'],
    ...['GET /users', 'POST /users', 'GET /users/{id}', 'PATCH /users/{id}', 'DELETE /users/{id}'],
    ...['PUT /users/{id}/password', 'GET /health/live', 'GET /health/ready', 'GET /metrics'],
  ],
  tokens: [
    ...['POST /tokens', 'GET /tokens', 'GET /tokens/{id}', 'PATCH /tokens/{id}', 'DELETE /tokens/{id}'],
    ...['POST /tokens/{id}/refresh', 'POST /tokens/{id}/revoke', 'GET /tokens/{id}/history'],
    ...['GET /tokens/self', 'POST /tokens/self/refresh', 'POST /tokens/self/revoke'],
    ...['GET /admin/tokens', 'POST /admin/tokens', 'GET /admin/tokens/{id}', 'PATCH /admin/tokens/{id}'],
    ...['DELETE /admin/tokens/{id}', 'POST /admin/tokens/{id}/refresh', 'POST /admin/tokens/{id}/revoke'],
    ...['POST /admin/tokens/{id}/reassign', 'GET /admin/tokens/{id}/history', 'GET /admin/audit', 'GET /admin/policy'],
    ...['POST /sessions', 'GET /enter', 'GET /sessions', 'DELETE /sessions/{id}', 'GET /servers'],
    ...['POST /oauth2/introspect', 'POST /oauth2/revoke', 'GET /auth/verify'],
    'GET /.well-known/oauth-authorization-server',
    ...['GET /health/live', 'GET /health/ready', 'GET /metrics'],
  ],
} as const;
/** Parameters and fields, by route: those that are always there and those that may be. */
const INPUTS: Readonly<Record<string, readonly string[]>> = {
  'POST /login': ['username', 'password'],
  'PUT /me/password': ['currentPassword', 'newPassword', 'tokens'],
  'PUT /users/{id}/password': ['actorPassword', 'newPassword'],
  'POST /users': [
    ...['kind', 'username', 'displayName', 'email', 'organization', 'roles', 'disabled', 'password'],
    'mustChangePassword',
  ],
  'DELETE /users/{id}': ['dryRun'],
  'POST /tokens': ['description', 'scopes', 'expiresAt', 'password'],
  'POST /tokens/{id}/refresh': ['password', 'gracePeriodSeconds', 'expiresAt'],
  'POST /tokens/{id}/revoke': ['password', 'reason'],
  'GET /admin/tokens': ['user', 'state', 'q', 'sort', 'asOf', 'cursor', 'limit'],
  'POST /admin/tokens': ['userId', 'description', 'scopes', 'expiresAt', 'password'],
  'POST /admin/tokens/{id}/reassign': ['userId'],
  'GET /admin/tokens/{id}/history': ['cursor'],
  'GET /admin/audit': ['type', 'actor', 'user', 'token', 'from', 'to', 'cursor', 'format'],
  'GET /enter': ['access_token', 'next'],
  'POST /oauth2/introspect': ['token', 'client_id', 'client_secret'],
  'POST /oauth2/revoke': ['token', 'client_id', 'client_secret'],
};
/** The only answers with a token's text in them. */
const ISSUING = [
  ...['POST /tokens', 'POST /tokens/{id}/refresh', 'POST /tokens/self/refresh', 'POST /admin/tokens'],
  ...['POST /admin/tokens/{id}/refresh', 'POST /admin/tokens/{id}/reassign'],
].sort();

const services = ['identity', 'tokens'] as const;

describe('the REST API, on a whole system', () => {
  let whole: WholeSystem;
  const operations = { identity: new Map<string, Operation>(), tokens: new Map<string, Operation>() };

  beforeAll(async () => {
    whole = await WholeSystem.start('rest-api');
    for (const service of services) {
      const document = expectStatus(await whole[service]('GET', '/openapi.json'), 200).body;
      for (const [route, operation] of operationsOf(document)) operations[service].set(route, operation);
    }
  });
  afterAll(() => whole?.stop());

  it.each(services)('S39 the OpenAPI document of %s lists every route that is promised', (service) => {
    expect([...operations[service].keys()]).toEqual(expect.arrayContaining([...ROUTES[service]]));
  });

  it('S39 the two services have no route in common but for health, metrics and the page of errors: one origin can serve both', () => {
    const shared = [...operations.identity.keys()].filter((route) => operations.tokens.has(route));
    expect(shared.sort()).toEqual(['GET /docs/errors', 'GET /health/live', 'GET /health/ready', 'GET /metrics']);
  });

  it('each service and the command line tell the version of package.json, which the packages have too', async () => {
    const versionOf = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8')).version as string;
    const version = versionOf('package.json');
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    for (const service of [...services, 'example'] as const) {
      expect((await whole[service]('GET', '/health/live')).body).toMatchObject({ status: 'ok', version });
    }
    const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'apps/cli/tokenlog.mjs'), '--version']);
    expect(stdout).toBe(`${version}\n`);
    expect(['apps/cli/package.json', 'libs/auth/package.json'].map(versionOf)).toEqual([version, version]);
  });

  it.each(Object.entries(INPUTS))('S39 %s takes what is promised', (route, promised) => {
    const operation = operations.identity.get(route) ?? operations.tokens.get(route);
    const [content] = Object.values(operation?.requestBody?.content ?? {});
    const names = [
      ...(operation?.parameters ?? []).map(({ name }) => name),
      ...Object.keys(content?.schema?.properties ?? {}),
    ];
    expect(names).toEqual(expect.arrayContaining([...promised]));
  });

  it('RFC 7617 every route that asks for a credential offers Basic beside Bearer, with none and with a wrong one', async () => {
    const asked = [];
    for (const service of [...services, 'example'] as const) {
      const routes = service === 'example' ? ['GET /'] : operations[service].keys();
      for (const route of routes) {
        const [method = '', path = ''] = route.split(' ');
        const address = `${whole.system[service].url}${path.replaceAll(/\{\w+\}/g, randomUUID())}`;
        for (const authorization of [undefined, 'Bearer garbage', `Basic ${btoa('admin:garbage')}`]) {
          const headers = { ...(authorization && { authorization }) };
          const { status, headers: told } = await fetch(address, { method, headers, redirect: 'manual' });
          const challenges = told.get('www-authenticate') ?? '';
          if (status !== 401) continue;
          asked.push(route);
          const both = expect.stringMatching(/^(?=.*Bearer realm=)(?=.*Basic realm=)/);
          expect([route, authorization, challenges]).toEqual([route, authorization, both]);
        }
      }
    }
    expect(new Set(asked).size).toBeGreaterThan(40);
  });

  it('S39 an admin lists, creates, reads, changes, refreshes, revokes and deletes anybody’s tokens', async () => {
    const { id: userId } = await whole.register('managed');
    const admin = (method: string, path: string, json?: object) =>
      whole.tokens(method, path, { as: whole.admin, ...(json && { json }) });
    const password = ADMIN_PASSWORD;
    const body = { userId, description: 'by REST', scopes: ['rest'], password };
    const { token, secret } = expectStatus(await admin('POST', '/admin/tokens', body), 201).body;
    const path = `/admin/tokens/${token.id}`;
    expect((await admin('GET', '/admin/tokens?user=managed')).body).toMatchObject({ items: [token], total: 1 });
    expect(expectStatus(await admin('GET', path), 200).body.token).toMatchObject({
      user: 'managed',
      createdBy: 'admin',
    });
    const changed = expectStatus(await admin('PATCH', path, { description: 'changed' }), 200).body.token;
    expect(changed).toMatchObject({ description: 'changed', updatedBy: 'admin' });
    const refreshed = expectStatus(await admin('POST', `${path}/refresh`, { password }), 200).body;
    expectProblem(await whole.example('GET', '/', { as: secret }), 401, 'superseded');
    expectStatus(await whole.example('GET', '/', { as: refreshed.secret }), 200);
    const revoked = expectStatus(await admin('POST', `${path}/revoke`, { password, reason: 'done' }), 200).body.token;
    expect(revoked.state).toBe('revoked');
    expectStatus(await admin('DELETE', path), 204);
    expect((await admin('GET', '/admin/tokens?user=managed')).body.total).toBe(0);
    const history = expectStatus(await admin('GET', `${path}/history`), 200).body.items as { type: string }[];
    expect(history.map(({ type }) => type).filter((type) => type !== 'token-used')).toEqual([
      'token-deleted',
      'token-revoked',
      'token-refused',
      'token-refreshed',
      'token-edited',
      'token-created',
    ]);
  });

  it('S40 my account: who I am, how I am reached, and my tokens to add, edit, refresh and delete', async () => {
    const contact = { displayName: 'Ada Lovelace', email: 'ada@example.org', phone: null };
    const { phone: _, ...known } = contact;
    await whole.register('ada', { roles: ['operator'], organization: 'Analytical Engines', ...known });
    const as = await whole.logIn('ada', PASSWORD);
    const me = expectStatus(await whole.identity('GET', '/me', { as }), 200).body;
    expect(me).toMatchObject({
      user: { username: 'ada', organization: 'Analytical Engines', roles: ['operator'] },
      contact,
    });
    const json = { displayName: 'Ada King' };
    const renamed = expectStatus(await whole.identity('PATCH', '/me', { as, json }), 200).body;
    expect(renamed.contact).toEqual({ ...contact, ...json });
    // What is not theirs to change is refused, not ignored.
    expectProblem(await whole.identity('PATCH', '/me', { as, json: { roles: ['admin'] } }), 400, 'invalid-request');

    const mine = async (method: string, path: string, body?: object) =>
      whole.tokens(method, path, { as, ...(body && { json: body }) });
    const password = PASSWORD;
    const create = { description: 'my export', scopes: ['rest'], password };
    const { token } = expectStatus(await mine('POST', '/tokens', create), 201).body;
    expect((await mine('GET', '/tokens')).body).toMatchObject({ items: [{ id: token.id, user: 'ada' }], total: 1 });
    expectStatus(await mine('PATCH', `/tokens/${token.id}`, { description: 'my other export' }), 200);
    const { secret } = expectStatus(await mine('POST', `/tokens/${token.id}/refresh`, { password }), 200).body;
    expectStatus(await whole.example('GET', '/', { as: secret }), 200);
    expectStatus(await mine('DELETE', `/tokens/${token.id}`, { password }), 204);
    expect((await mine('GET', '/tokens')).body).toMatchObject({ items: [], total: 0 });
  });

  it('S44 no operation but those that make a secret has one in its answer', () => {
    const telling = [...operations.identity, ...operations.tokens].filter(([, { responses }]) =>
      JSON.stringify(responses).includes('"secret"'),
    );
    expect(telling.map(([route]) => route).sort()).toEqual(ISSUING);
  });

  it('S44 S7 no route, event or row gives a secret back, not to an admin either', async () => {
    const person = await whole.register('keeper');
    const { token, secret } = await whole.issue(person.id);
    const session = await whole.sessionOf(secret);
    const password = { as: whole.admin, json: { password: ADMIN_PASSWORD } };
    const path = `/admin/tokens/${token.id}`;
    const refreshed = expectStatus(await whole.tokens('POST', `${path}/refresh`, password), 200).body.secret;
    expectStatus(await whole.example('GET', '/', { as: refreshed }), 200);
    const heir = { as: whole.admin, json: { userId: (await whole.register('heir')).id, password: ADMIN_PASSWORD } };
    const reassigned = expectStatus(await whole.tokens('POST', `${path}/reassign`, heir), 200).body.secret;
    expectStatus(await whole.example('GET', '/', { as: reassigned }), 200);

    // The text, its secret, and the proof that stands for it.
    const told = [secret, refreshed, reassigned, session.credential].flatMap((text) => {
      const part = parseCredential(text)?.secret ?? '';
      expect(part).toHaveLength(43);
      return [text, part, proofOf(part), ADMIN_PASSWORD, PASSWORD];
    });
    const holdsNone = (where: string, text: string) =>
      expect([where, told.filter((each) => text.includes(each))]).toEqual([where, []]);

    for (const service of services) {
      for (const route of operations[service].keys()) {
        if (!route.startsWith('GET ')) continue;
        const address = route.slice(4).replace('{id}', service === 'identity' ? person.id : token.id);
        for (const call of [{ as: whole.admin }, { as: reassigned }] satisfies Call[]) {
          const answer = await whole[service]('GET', address, call);
          holdsNone(route, JSON.stringify(answer.body) + JSON.stringify([...answer.headers]));
        }
      }
    }
    await holdsNoneInDatabase(holdsNone);
    await holdsNoneInStreams(holdsNone);
  });

  async function holdsNoneInDatabase(holdsNone: (where: string, text: string) => void): Promise<void> {
    const database = new Client(whole.system.databaseUrl);
    await database.connect();
    const { rows: tables } = await database.query<{ name: string }>(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname IN ('tokens', 'identity')`,
    );
    expect(tables.length).toBeGreaterThan(8);
    for (const { name } of tables) {
      const { rows } = await database.query<{ text: string }>(`SELECT t::text AS text FROM ${name} AS t`);
      holdsNone(name, rows.map(({ text }) => text).join('\n'));
    }
    await database.end();
  }

  async function holdsNoneInStreams(holdsNone: (where: string, text: string) => void): Promise<void> {
    const nats = await connectNats(whole.system.natsUrls.tokens, 'tokens', 'rest-api');
    const manager = await jetstreamManager(nats);
    const latest = async (subject: string) => manager.streams.getMessage('TOKENS', { last_by_subj: subject });
    // Published after the commit: the last one is awaited.
    await eventually(async () => expect(await latest('tokens.token-reassigned')).not.toBeNull());
    const { state } = await manager.streams.info('TOKENS');
    expect(state.messages).toBeGreaterThan(5);
    for (let sequence = state.first_seq; sequence <= state.last_seq; sequence++) {
      const message = await manager.streams.getMessage('TOKENS', { seq: sequence });
      if (message) holdsNone(message.subject, JSON.stringify([message.string(), [...message.header]]));
    }
    await nats.close();
  }
});
