/** The life of a token as a program lives it whose client was generated from the OpenAPI documents. Run by `test/openapi.spec.ts`. */
import createClient from 'openapi-fetch';
import type { components, paths as IdentityPaths } from './identity.js';
import type { paths as TokensPaths } from './tokens.js';

const { IDENTITY_URL = '', TOKENS_URL = '', ADMIN_PASSWORD = '' } = process.env;
const identity = createClient<IdentityPaths>({ baseUrl: IDENTITY_URL });

/** A client of the token service that presents a credential. */
function tokensAs(credential: string) {
  return createClient<TokensPaths>({ baseUrl: TOKENS_URL, headers: { Authorization: `Bearer ${credential}` } });
}

function given<Data>({ data, error, response }: { data?: Data; error?: unknown; response: Response }): Data {
  if (data === undefined) throw new Error(`${response.url}: ${response.status} ${JSON.stringify(error)}`);
  return data;
}

function expect(what: string, is: unknown, wanted: unknown): void {
  if (is !== wanted) throw new Error(`${what}: ${JSON.stringify(is)}, not ${JSON.stringify(wanted)}`);
}

const refused = await identity.POST('/login', { body: { username: 'admin', password: 'not the one' } });
expect('a wrong password', refused.error?.code, 'wrong-credentials');
// @ts-expect-error: what can be answered is known to the compiler, word for word
expect('no problem of a login', refused.error?.code === 'token-revoked', false);

const { session, user } = given(
  await identity.POST('/login', { body: { username: 'admin', password: ADMIN_PASSWORD } }),
);
const admin: components['schemas']['User'] = user;
const mine = tokensAs(session.credential);

const created = given(
  await mine.POST('/tokens', {
    body: { description: 'a generated client’s', scopes: ['rest', 'tokens'], password: ADMIN_PASSWORD },
  }),
);
const path = { id: created.token.id };
expect('its owner', created.token.userId, admin.id);
expect('verified', (await tokensAs(created.secret).GET('/auth/verify')).response.status, 204);
expect('itself', given(await tokensAs(created.secret).GET('/tokens/self')).token.state, 'active');

const refreshed = given(
  await mine.POST('/tokens/{id}/refresh', { params: { path }, body: { password: ADMIN_PASSWORD } }),
);
expect('the old secret', (await tokensAs(created.secret).GET('/auth/verify')).error?.code, 'superseded');
expect('the new secret', (await tokensAs(refreshed.secret).GET('/auth/verify')).response.status, 204);

const revoked = given(await mine.POST('/tokens/{id}/revoke', { params: { path }, body: { password: ADMIN_PASSWORD } }));
expect('revoked', revoked.token.state, 'revoked');
expect('after that', (await tokensAs(refreshed.secret).GET('/auth/verify')).error?.code, 'revoked');
const again = await mine.POST('/tokens/{id}/refresh', { params: { path }, body: { password: ADMIN_PASSWORD } });
expect('a refresh of it', again.error?.code, 'token-revoked');

const query = { token: created.token.id };
const audit = given(await mine.GET('/admin/audit', { params: { query } }));
if (typeof audit === 'string') throw new Error('the audit is no JSON');
const types = audit.items.map(({ type }) => type).filter((type) => type.startsWith('token-'));
for (const type of ['token-created', 'token-refreshed', 'token-revoked']) {
  expect(`the audit has ${type}`, types.includes(type), true);
}
const csv = await mine.GET('/admin/audit', {
  params: { query: { ...query, format: 'csv', limit: 1 } },
  parseAs: 'text',
});
expect('as CSV', given(csv).split('\r\n').length, 3);
expect('and goes on', csv.response.headers.has('Next-Cursor'), true);
