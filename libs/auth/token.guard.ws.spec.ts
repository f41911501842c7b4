import type { Server } from 'node:http';
import { type INestApplication, Module, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { io, type Socket } from 'socket.io-client';
import {
  type AuthenticatedUser,
  type Authentication,
  CurrentAuthentication,
  CurrentUser,
  Public,
  RequireRoles,
  RequireScopes,
  TokenGuard,
} from './index.js';
import { TestAuth } from './testing/test-auth.js';

@WebSocketGateway()
@UseGuards(TokenGuard)
@RequireScopes('rest')
class ReportsGateway {
  @SubscribeMessage('reports')
  reports(
    @MessageBody() body: unknown,
    @CurrentUser() user: AuthenticatedUser,
    @CurrentAuthentication() { carriedBy }: Authentication,
  ) {
    return { body: body ?? null, of: user.username, carriedBy };
  }

  @SubscribeMessage('admins')
  @RequireRoles('admin')
  admins() {
    return {};
  }

  @Public()
  @SubscribeMessage('open')
  open(@CurrentUser() user: AuthenticatedUser | undefined) {
    return { of: user?.username ?? null };
  }
}

const auth = new TestAuth();
let app: INestApplication<Server>;
let url: string;
const sockets: Socket[] = [];

beforeAll(async () => {
  @Module({ imports: [auth.module], providers: [ReportsGateway] })
  class AppModule {}
  app = await NestFactory.create(AppModule, { logger: false });
  app.useWebSocketAdapter(new IoAdapter(app));
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
});
beforeEach(() => {
  auth.questions.length = 0;
});
afterAll(async () => {
  for (const socket of sockets) socket.close();
  await app.close();
});

async function open(options: object = {}): Promise<Socket> {
  const socket = io(url, { forceNew: true, reconnection: false, transports: ['websocket'], ...options });
  sockets.push(socket);
  await new Promise((resolve, reject) => socket.once('connect', () => resolve(null)).once('connect_error', reject));
  return socket;
}

/** The answer to a message, or what its refusal says. */
function ask(socket: Socket, event: string, payload?: unknown): Promise<unknown> {
  return new Promise((resolve) => {
    socket.once('exception', resolve);
    socket.emit(event, payload, resolve);
  });
}

test('a message carries its token in the field `authorization`, which the handler does not see', async () => {
  const socket = await open();
  const { authorization } = auth.as('ada', { scopes: ['rest'] });
  expect(await ask(socket, 'reports', { month: 5, authorization })).toEqual({
    body: { month: 5 },
    of: 'ada',
    carriedBy: 'message-field',
  });
  expect(auth.questions).toMatchObject([{ scopes: ['rest'], ip: '127.0.0.1' }]);
});

test.each<[string, string, () => object]>([
  ['auth.authorization', 'handshake', () => ({ auth: auth.as('ada', { scopes: ['rest'] }) })],
  ['auth.token', 'handshake', () => ({ auth: { token: auth.token('ada', { scopes: ['rest'] }) } })],
  ['a header', 'authorization', () => ({ extraHeaders: auth.as('ada', { scopes: ['rest'] }) })],
])('a connection carries it in %s, for each of its messages, whatever their payload', async (_, carriedBy, options) => {
  const socket = await open(options());
  for (const payload of [{ month: 5 }, 'a text', 7, undefined]) {
    expect(await ask(socket, 'reports', payload)).toEqual({ body: payload ?? null, of: 'ada', carriedBy });
  }
  expect(auth.questions).toHaveLength(4);
});

test("the message's own token wins over the connection's", async () => {
  const socket = await open({ auth: auth.as('ada', { scopes: ['rest'] }) });
  const answer = await ask(socket, 'reports', auth.as('grace', { scopes: ['rest'] }));
  expect(answer).toMatchObject({ of: 'grace' });
});

test.each<[number, string, string, () => object]>([
  [401, 'credential-missing', 'reports', () => ({})],
  [401, 'malformed', 'reports', () => ({ authorization: 'Bearer garbage' })],
  [401, 'revoked', 'reports', () => auth.as('ada', { refused: 'revoked' })],
  [403, 'scope', 'reports', () => auth.as('ada')],
  [403, 'role', 'admins', () => auth.as('ada', { scopes: ['rest'] })],
  [503, 'verification-unavailable', 'reports', () => auth.as('ada', { unavailable: true })],
])('refuses with %i %s', async (status, code, event, payload) => {
  const socket = await open();
  expect(await ask(socket, event, payload())).toEqual({ status, code, detail: expect.stringMatching(/^[A-Z].+\.$/) });
});

test('what the connection was opened with is verified again for each message', async () => {
  const { authorization } = auth.as('ada', { scopes: ['rest'] });
  const socket = await open({ auth: { authorization } });
  expect(await ask(socket, 'reports', 'first')).toMatchObject({ of: 'ada' });
  auth.refuse(authorization, 'revoked');
  expect(await ask(socket, 'reports', 'second')).toMatchObject({ code: 'revoked' });
});

test("S45 a browser's cookie opens nothing from another origin", async () => {
  const cookie = `session=${auth.token('ada', { scopes: ['rest'] })}`;
  const foreign = await open({ extraHeaders: { cookie, origin: 'https://elsewhere.example' } });
  expect(await ask(foreign, 'reports', {})).toMatchObject({ status: 403, code: 'cross-origin' });
  const silent = await open({ extraHeaders: { cookie } });
  expect(await ask(silent, 'reports', {})).toMatchObject({ status: 403, code: 'cross-origin' });
  const own = await open({ extraHeaders: { cookie, origin: url } });
  expect(await ask(own, 'reports', {})).toMatchObject({ of: 'ada', carriedBy: 'cookie' });
});

test('a socket of `ws`, which was given its request, carries what it was opened with', async () => {
  @WebSocketGateway()
  @UseGuards(TokenGuard)
  class WsGateway {
    handleConnection(client: { request?: unknown }, request: unknown) {
      client.request = request;
    }

    @SubscribeMessage('reports')
    reports(@CurrentUser() user: AuthenticatedUser) {
      return { event: 'answer', data: { of: user.username } };
    }
  }
  @Module({ imports: [auth.module], providers: [WsGateway] })
  class WsModule {}
  const wsApp = await NestFactory.create(WsModule, { logger: false, forceCloseConnections: true });
  wsApp.useWebSocketAdapter(new WsAdapter(wsApp));
  await wsApp.listen(0, '127.0.0.1');
  const wsUrl = (await wsApp.getUrl()).replace('http', 'ws');
  const answerTo = async (headers: Record<string, string>) => {
    const client = new WebSocket(wsUrl, { headers } as never);
    await new Promise((resolve) => client.addEventListener('open', resolve));
    const answer = new Promise<string>((resolve) => client.addEventListener('message', ({ data }) => resolve(data)));
    client.send(JSON.stringify({ event: 'reports', data: {} }));
    const text = await answer;
    client.close();
    return JSON.parse(text);
  };
  expect(await answerTo(auth.as('ada'))).toEqual({ event: 'answer', data: { of: 'ada' } });
  expect(await answerTo({})).toMatchObject({ event: 'exception', data: { code: 'credential-missing' } });
  await wsApp.close();
});

test('a public handler looks at no credential', async () => {
  const socket = await open({ auth: auth.as('ada') });
  expect(await ask(socket, 'open', {})).toEqual({ of: null });
  expect(auth.questions).toEqual([]);
});
