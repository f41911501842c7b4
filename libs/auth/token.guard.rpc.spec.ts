import { headers } from '@nats-io/transport-node';
import { Controller, type INestMicroservice, Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientProxy,
  ClientProxyFactory,
  MessagePattern,
  type MicroserviceOptions,
  NatsRecordBuilder,
  Payload,
  Transport,
} from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import { testNats } from '../../test/support/nats.js';
import {
  type AuthenticatedUser,
  type Authentication,
  AuthModule,
  CurrentAuthentication,
  CurrentUser,
  Public,
  RequireRoles,
  RequireScopes,
  TokenGuard,
} from './index.js';
import { TestTokenService } from './testing/token-service.js';

@Controller()
@UseGuards(TokenGuard)
@RequireScopes('rest')
class MessageController {
  @MessagePattern('tokens.example-whoami')
  whoami(
    @Payload() payload: unknown,
    @CurrentUser() user: AuthenticatedUser,
    @CurrentAuthentication() authentication: Authentication,
  ) {
    return { payload, username: user.username, carriedBy: authentication.carriedBy };
  }

  @RequireRoles('admin')
  @MessagePattern('tokens.example-admin')
  admin() {
    return {};
  }

  @RequireScopes('archive')
  @MessagePattern('tokens.example-archive')
  archive() {
    return {};
  }

  @Public()
  @MessagePattern('tokens.example-open')
  open(@CurrentUser() user: AuthenticatedUser | undefined) {
    return { user: user ?? null };
  }
}

let nats: Awaited<ReturnType<typeof testNats>>;
let tokens: TestTokenService;
let app: INestMicroservice;
let client: ClientProxy;

/** The handlers listen as the user that may listen to `tokens.>`, which is what the test's server has. */
function transport() {
  const { username: user, password: pass, host } = new URL(nats.urls.tokens);
  return { servers: [`nats://${host}`], user, pass, inboxPrefix: '_INBOX_tokens' };
}

beforeAll(async () => {
  nats = await testNats();
  tokens = await TestTokenService.start(nats.urls.tokens);
  @Module({
    imports: [AuthModule.forRoot({ nats: nats.urls.guard, service: 'reports', requestTimeoutMs: 300 })],
    controllers: [MessageController],
  })
  class AppModule {}
  app = await NestFactory.createMicroservice<MicroserviceOptions>(AppModule, {
    transport: Transport.NATS,
    options: transport(),
    logger: false,
  });
  await app.listen();
  client = ClientProxyFactory.create({ transport: Transport.NATS, options: transport() });
});
beforeEach(() => tokens.reset());
afterAll(async () => {
  await client.close();
  await app.close();
  await tokens.connection.close();
  await nats.stop();
});

const send = (pattern: string, message: unknown) => firstValueFrom(client.send(`tokens.example-${pattern}`, message));

function withHeader(name: string, value: string, payload: unknown = { a: 1 }) {
  const messageHeaders = headers();
  messageHeaders.set(name, value);
  return new NatsRecordBuilder(payload).setHeaders(messageHeaders).build();
}

test.each(['token', 'Bearer', 'bearer'])(
  'S1 accepts the header `authorization: %s X` of a NATS message',
  async (scheme) => {
    await expect(send('whoami', withHeader('authorization', `${scheme} ${tokens.token()}`))).resolves.toEqual({
      payload: { a: 1 },
      username: 'ada',
      carriedBy: 'message-header',
    });
    expect(tokens.requests).toHaveLength(1);
  },
);

test('accepts the bare text, and the header in any case', async () => {
  await expect(send('whoami', withHeader('Authorization', tokens.token()))).resolves.toMatchObject({ username: 'ada' });
});

test.each(['token ', 'Bearer ', ''])(
  'accepts the field `authorization: %sX`, and the handler does not see it',
  async (scheme) => {
    await expect(send('whoami', { a: 1, authorization: scheme + tokens.token() })).resolves.toEqual({
      payload: { a: 1 },
      username: 'ada',
      carriedBy: 'message-field',
    });
  },
);

test('the header wins over the field, which is taken out all the same', async () => {
  const refused = tokens.token();
  tokens.refuse(refused, 'revoked');
  const message = withHeader('authorization', tokens.token(), { authorization: refused });
  await expect(send('whoami', message)).resolves.toMatchObject({ payload: {}, carriedBy: 'message-header' });
});

test.each<[number, string, string, () => unknown]>([
  [401, 'credential-missing', 'whoami', () => ({})],
  [401, 'credential-missing', 'whoami', () => 'a text'],
  [401, 'malformed', 'whoami', () => ({ authorization: 'Bearer garbage' })],
  [401, 'malformed', 'whoami', () => ({ authorization: { X: 1 } })],
  [
    401,
    'revoked',
    'whoami',
    () => {
      const text = tokens.token();
      tokens.refuse(text, 'revoked');
      return { authorization: text };
    },
  ],
  [403, 'scope', 'archive', () => ({ authorization: tokens.token() })],
  [403, 'role', 'admin', () => ({ authorization: tokens.token() })],
  [403, 'password-change-required', 'whoami', () => ({ authorization: tokens.session({ mustChangePassword: true }) })],
  [
    503,
    'verification-unavailable',
    'whoami',
    () => {
      tokens.reply = 'silence';
      return { authorization: tokens.token() };
    },
  ],
])('S33 refuses with %i %s', async (status, code, pattern, message) => {
  await expect(send(pattern, message())).rejects.toEqual({
    status,
    code,
    detail: expect.stringMatching(/^[A-Z].+\.$/),
  });
});

test('a public handler looks at no credential', async () => {
  await expect(send('open', { authorization: 'garbage' })).resolves.toEqual({ user: null });
  expect(tokens.requests).toEqual([]);
});
