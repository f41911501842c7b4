import type { Server } from 'node:http';
import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { type INestApplication, UseGuards } from '@nestjs/common';
import { GraphQLModule, Mutation, Query, Resolver, Subscription } from '@nestjs/graphql';
import { createClient } from 'graphql-ws';
import supertest from 'supertest';
import { type AuthenticatedUser, CurrentUser, Public, RequireRoles, RequireScopes, TokenGuard } from './index.js';
import { startApp } from './testing/start-app.js';
import { TestAuth } from './testing/test-auth.js';

@Resolver()
@UseGuards(TokenGuard)
@RequireScopes('rest')
class ReportsResolver {
  @Query(() => String)
  reports(@CurrentUser() user: AuthenticatedUser) {
    return `of ${user.username}`;
  }

  @Query(() => String)
  again(@CurrentUser() user: AuthenticatedUser) {
    return `again of ${user.username}`;
  }

  @Query(() => String, { nullable: true })
  @RequireScopes('archive')
  archive(@CurrentUser() user: AuthenticatedUser) {
    return `archive of ${user.username}`;
  }

  @Query(() => String, { nullable: true })
  @RequireRoles('admin')
  admins() {
    return 'admins';
  }

  @Public()
  @Query(() => String)
  open(@CurrentUser() user: AuthenticatedUser | undefined) {
    return user?.username ?? 'nobody';
  }

  @Subscription(() => String)
  async *made(@CurrentUser() user: AuthenticatedUser) {
    yield { made: `for ${user.username}` };
  }

  @Mutation(() => String)
  change(@CurrentUser() user: AuthenticatedUser) {
    return `by ${user.username}`;
  }
}

const auth = new TestAuth();
let app: INestApplication<Server>;

beforeAll(async () => {
  app = await startApp({
    imports: [
      auth.module,
      GraphQLModule.forRoot<ApolloDriverConfig>({
        driver: ApolloDriver,
        autoSchemaFile: true,
        graphiql: false,
        subscriptions: { 'graphql-ws': true },
      }),
    ],
    providers: [ReportsResolver],
  });
});
beforeEach(() => {
  auth.questions.length = 0;
});
afterAll(() => app.close());

const ask = (query: string, headers = {}) =>
  supertest(app.getHttpServer()).post('/graphql').set(headers).send({ query });

test('a resolver gets its user, and several that require the same are one use', async () => {
  const { body } = await ask('{ reports again }', auth.as('ada', { scopes: ['rest'] }));
  expect(body).toEqual({ data: { reports: 'of ada', again: 'again of ada' } });
  expect(auth.questions).toHaveLength(1);
});

test('each resolver of an operation is held against what it requires itself, in either order', async () => {
  for (const query of ['{ reports archive }', '{ archive reports }']) {
    const { body } = await ask(query, auth.as('ada', { scopes: ['rest'] }));
    expect(body.data).toEqual({ reports: 'of ada', archive: null });
    expect(body.errors).toMatchObject([{ path: ['archive'], extensions: { code: 'FORBIDDEN' } }]);
  }
  const { body } = await ask('{ reports archive admins }', auth.as('ada', { scopes: ['rest', 'archive'] }));
  expect(body.data).toEqual({ reports: 'of ada', archive: 'archive of ada', admins: null });
});

test.each([
  ['credential-missing', 'UNAUTHENTICATED', () => ({})],
  ['malformed', 'UNAUTHENTICATED', () => ({ authorization: 'Bearer garbage' })],
  ['revoked', 'UNAUTHENTICATED', () => auth.as('ada', { refused: 'revoked' })],
  ['scope', 'FORBIDDEN', () => auth.as('ada')],
  ['password-change-required', 'FORBIDDEN', () => auth.as('ada', { mustChangePassword: true })],
  ['verification-unavailable', 'SERVICE_UNAVAILABLE', () => auth.as('ada', { unavailable: true })],
])('refuses with %s', async (code, extension, headers) => {
  const { body } = await ask('{ reports }', headers());
  expect(body.errors).toMatchObject([
    {
      message: expect.any(String),
      extensions: { code: extension, problem: { code, detail: expect.any(String) } },
    },
  ]);
  expect(body.data?.reports).toBeUndefined();
});

test('S45 a cookie changes nothing from another origin', async () => {
  const cookie = { cookie: `session=${auth.token('ada', { scopes: ['rest'] })}` };
  const { body } = await ask('mutation { change }', { ...cookie, 'sec-fetch-site': 'cross-site' });
  expect(body.errors).toMatchObject([{ extensions: { problem: { code: 'cross-origin' } } }]);
  const own = await ask('mutation { change }', { ...cookie, 'sec-fetch-site': 'same-origin' });
  expect(own.body).toEqual({ data: { change: 'by ada' } });
});

/** What the first of a subscription comes to. */
async function subscribe(connectionParams: Record<string, unknown>): Promise<unknown> {
  const url = `${(await app.getUrl()).replace('http', 'ws')}/graphql`;
  const client = createClient({ url, connectionParams, retryAttempts: 0 });
  for await (const result of client.iterate({ query: 'subscription { made }' })) {
    await client.dispose();
    return result;
  }
  throw new Error('The subscription ended.');
}

test('a subscription is verified by what its WebSocket was opened with', async () => {
  expect(await subscribe(auth.as('ada', { scopes: ['rest'] }))).toMatchObject({ data: { made: 'for ada' } });
  const refused = { errors: [{ extensions: { code: 'FORBIDDEN', problem: { code: 'scope' } } }] };
  expect(await subscribe(auth.as('ada'))).toMatchObject(refused);
  expect(await subscribe({})).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
});

test('a public resolver looks at no credential', async () => {
  const { body } = await ask('{ open }', auth.as('ada'));
  expect(body).toEqual({ data: { open: 'nobody' } });
  expect(auth.questions).toEqual([]);
});
