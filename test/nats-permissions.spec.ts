import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type Msg, type NatsConnection, PermissionViolationError } from '@nats-io/transport-node';
import type { NatsUser } from '../tools/embedded-nats.js';
import { root } from '../tools/paths.js';
import { testNats } from './support/nats.js';

let nats: Awaited<ReturnType<typeof testNats>>;
const connections: NatsConnection[] = [];

beforeAll(async () => {
  nats = await testNats();
});
afterEach(async () => {
  await Promise.all(connections.splice(0).map((connection) => connection.close()));
});
afterAll(() => nats.stop());

async function as(user: NatsUser): Promise<NatsConnection> {
  const { username, password, host } = new URL(nats.urls[user]);
  const connection = await connect({
    servers: host,
    user: username,
    pass: password,
    inboxPrefix: `_INBOX_${user}`,
  });
  connections.push(connection);
  return connection;
}

/** Resolves when the server has refused the subscription. */
function refusedSubscription(connection: NatsConnection, subject: string): Promise<Error> {
  return new Promise((resolve, reject) => {
    connection.subscribe(subject, {
      callback: (error) => (error ? resolve(error) : reject(new Error(`received a message on ${subject}`))),
    });
    // The server answers in order: a refusal comes before this.
    void connection.flush().then(() => setTimeout(reject, 500, new Error(`${subject} was not refused`)));
  });
}

/** Resolves with the subject that the server refused to publish to. */
async function refusedPublication(connection: NatsConnection, subject: string): Promise<string> {
  const status = connection.status();
  connection.publish(subject, '{}');
  for await (const event of status) {
    if (event.type === 'error' && event.error instanceof PermissionViolationError) return event.error.subject;
  }
  throw new Error('the connection ended');
}

/** Collects what arrives on a subject that may be subscribed to. */
function collect(connection: NatsConnection, subject: string): Msg[] {
  const messages: Msg[] = [];
  connection.subscribe(subject, { callback: (error, message) => void (error ?? messages.push(message)) });
  return messages;
}

async function answerVerifications(connection: NatsConnection): Promise<void> {
  connection.subscribe('tokens.verify', {
    callback: (_, message) => void message.respond('{"active":false}'),
  });
  await connection.flush();
}

describe('a guard', () => {
  test.each([
    'tokens.verify',
    'tokens.>',
    'tokens.*',
    '>',
    '_INBOX_tokens.>',
    '_INBOX_identity.>',
    '_INBOX_observer.>',
    '_INBOX.>',
    'identity.>',
    'internal.tokens.>',
    'internal.identity.>',
    '$JS.API.>',
  ])('may not listen on %s', async (subject) => {
    await expect(refusedSubscription(await as('guard'), subject)).resolves.toBeInstanceOf(PermissionViolationError);
  });

  test.each([
    'identity.user-deleted',
    'tokens.token-revoked',
    'internal.guard.invalidate',
    'internal.tokens.start-session',
    'internal.identity.check-password',
    '_INBOX_tokens.x',
    '_INBOX_guard.x',
    '$JS.API.STREAM.DELETE.TOKENS',
    '$JS.API.STREAM.INFO.TOKENS',
  ])('may not publish %s', async (subject) => {
    await expect(refusedPublication(await as('guard'), subject)).resolves.toBe(subject);
  });

  test('is answered by the token service alone', async () => {
    await answerVerifications(await as('tokens'));
    const reply = await (await as('guard')).request('tokens.verify', '{"credential":"x"}', {
      timeout: 2_000,
    });
    expect(reply.json()).toEqual({ active: false });
  });

  test('hears invalidations and acknowledges them', async () => {
    const [guard, tokens] = [await as('guard'), await as('tokens')];
    const heard = collect(guard, 'internal.guard.invalidate');
    const acknowledged = collect(tokens, 'tokens.guard.acknowledge');
    await Promise.all([guard.flush(), tokens.flush()]);
    tokens.publish('internal.guard.invalidate', '{}');
    guard.publish('tokens.guard.acknowledge', '{}');
    await Promise.all([tokens.flush(), guard.flush()]);
    await Promise.all([tokens.flush(), guard.flush()]);
    expect([heard.length, acknowledged.length]).toEqual([1, 1]);
  });
});

describe('an observer', () => {
  test.each([
    'tokens.verify',
    'tokens.>',
    'tokens.*',
    '>',
    '*.verify',
    '_INBOX_tokens.>',
    '_INBOX_guard.>',
    'internal.>',
  ])('may not listen on %s, where credentials or answers go by', async (subject) => {
    await expect(refusedSubscription(await as('observer'), subject)).resolves.toBeInstanceOf(PermissionViolationError);
  });

  test.each(['tokens.verify', 'identity.user-deleted', 'tokens.token-revoked', '$JS.API.STREAM.DELETE.TOKENS'])(
    'may not publish %s',
    async (subject) => {
      await expect(refusedPublication(await as('observer'), subject)).resolves.toBe(subject);
    },
  );

  test('reads the events of both streams and sees no verification', async () => {
    const tokens = await as('tokens');
    const identity = await as('identity');
    await (await jetstreamManager(tokens)).streams.add({
      name: 'TOKENS',
      subjects: ['tokens.token-created'],
    });
    await (await jetstreamManager(identity)).streams.add({ name: 'IDENTITY', subjects: ['identity.>'] });
    await answerVerifications(tokens);

    const observer = await as('observer');
    const live = collect(observer, 'tokens.token-created');
    await observer.flush();
    await (await as('guard')).request('tokens.verify', '{"credential":"secret"}', { timeout: 2_000 });
    await jetstream(tokens).publish('tokens.token-created', '{"id":"1"}');
    await jetstream(identity).publish('identity.user-registered', '{"id":"2"}');

    const subjects: string[] = [];
    for (const stream of ['TOKENS', 'IDENTITY']) {
      const consumer = await jetstream(observer).consumers.get(stream);
      const message = await consumer.next({ expires: 2_000 });
      subjects.push(message?.subject ?? 'none');
    }
    expect(subjects).toEqual(['tokens.token-created', 'identity.user-registered']);
    expect(live.map(({ subject }) => subject)).toEqual(['tokens.token-created']);
  });
});

test('an observer can neither take, acknowledge, change nor remove what the token service is to react to', async () => {
  const source = readFileSync(join(root, 'apps', 'tokens', 'identity-consumer.ts'), 'utf8');
  const durable = /FORMER_CONSUMER = '([a-z-]+)'/.exec(source)?.[1] ?? 'not found';
  const [identity, tokens, observer] = [await as('identity'), await as('tokens'), await as('observer')];
  await (await jetstreamManager(identity)).streams.add({ name: 'IDENTITY', subjects: ['identity.>'] });
  const wanted = { durable_name: durable, ack_policy: 'explicit' } as const;
  await (await jetstreamManager(tokens)).consumers.add('IDENTITY', wanted);

  for (const subject of [
    `$JS.API.CONSUMER.MSG.NEXT.IDENTITY.${durable}`,
    `$JS.ACK.IDENTITY.${durable}.1.1.1.1.0`,
    `$JS.API.CONSUMER.DURABLE.CREATE.IDENTITY.${durable}`,
    `$JS.API.CONSUMER.CREATE.IDENTITY.${durable}`,
    `$JS.API.CONSUMER.CREATE.IDENTITY.${durable}.identity.>`,
    `$JS.API.CONSUMER.DELETE.IDENTITY.${durable}`,
  ]) {
    await expect(refusedPublication(observer, subject)).resolves.toBe(subject);
  }
  // The old subject has no name in it; there the server itself refuses a durable one.
  const request = JSON.stringify({ stream_name: 'IDENTITY', config: { ...wanted, name: durable } });
  const reply = await observer.request('$JS.API.CONSUMER.CREATE.IDENTITY', request);
  expect(reply.json()).toHaveProperty('error');
});

describe('the warnings that identity mails', () => {
  const stream = async () => {
    const { streams } = await jetstreamManager(await as('tokens'));
    const subjects = ['tokens.token-created', 'tokens.token-expiring'];
    await streams.update('TOKENS', { subjects }).catch(() => streams.add({ name: 'TOKENS', subjects }));
  };
  const wanted = {
    durable_name: 'identity-mail',
    filter_subject: 'tokens.token-expiring',
    ack_policy: 'explicit',
  } as const;

  test('are read by its one consumer, which an observer can neither read nor remove', async () => {
    await stream();
    const identity = await as('identity');
    await (await jetstreamManager(identity, { checkAPI: false })).consumers.add('TOKENS', wanted);
    await jetstream(await as('tokens')).publish('tokens.token-expiring', '{}');
    const consumer = await jetstream(identity).consumers.get('TOKENS', 'identity-mail');
    const message = await consumer.next({ expires: 2_000 });
    await expect(message?.ackAck()).resolves.toBe(true);

    const observer = await as('observer');
    for (const subject of [
      '$JS.API.CONSUMER.MSG.NEXT.TOKENS.identity-mail',
      '$JS.ACK.TOKENS.identity-mail.1.1.1.1.0',
      '$JS.API.CONSUMER.DURABLE.CREATE.TOKENS.identity-mail',
      '$JS.API.CONSUMER.CREATE.TOKENS.identity-mail',
      '$JS.API.CONSUMER.CREATE.TOKENS.identity-mail.tokens.token-expiring',
      '$JS.API.CONSUMER.DELETE.TOKENS.identity-mail',
    ]) {
      await expect(refusedPublication(observer, subject)).resolves.toBe(subject);
    }
  });

  test('are all that it reads of the token service', async () => {
    await stream();
    const identity = await as('identity');
    for (const subject of [
      '$JS.API.CONSUMER.CREATE.TOKENS.identity-mail',
      '$JS.API.CONSUMER.CREATE.TOKENS.identity-mail.tokens.>',
      '$JS.API.CONSUMER.CREATE.TOKENS.other.tokens.token-expiring',
      '$JS.API.CONSUMER.DURABLE.CREATE.TOKENS.identity-mail',
      '$JS.API.CONSUMER.DELETE.TOKENS.identity-mail',
      '$JS.API.CONSUMER.MSG.NEXT.TOKENS.other',
    ]) {
      await expect(refusedPublication(identity, subject)).resolves.toBe(subject);
    }
    // The subject that it may ask at does not carry another filter, or none, past the server.
    for (const filter of ['tokens.token-created', undefined]) {
      const config = { ...wanted, name: wanted.durable_name, filter_subject: filter };
      const reply = await identity.request(
        '$JS.API.CONSUMER.CREATE.TOKENS.identity-mail.tokens.token-expiring',
        JSON.stringify({ stream_name: 'TOKENS', config }),
      );
      expect(reply.json()).toHaveProperty('error');
    }
  });
});

describe('the services', () => {
  test.each([
    ['tokens', 'identity.user-deleted'],
    ['tokens', '$JS.API.STREAM.DELETE.IDENTITY'],
    ['tokens', '_INBOX_guard.x'],
    ['identity', 'tokens.token-revoked'],
    ['identity', '$JS.API.STREAM.DELETE.TOKENS'],
  ] as const)('%s may not publish %s', async (user, subject) => {
    await expect(refusedPublication(await as(user), subject)).resolves.toBe(subject);
  });

  test.each([
    ['tokens', '_INBOX_identity.>'],
    ['tokens', 'internal.identity.>'],
    ['identity', '_INBOX_tokens.>'],
    ['identity', 'tokens.verify'],
    ['identity', 'internal.tokens.>'],
  ] as const)('%s may not listen on %s', async (user, subject) => {
    await expect(refusedSubscription(await as(user), subject)).resolves.toBeInstanceOf(PermissionViolationError);
  });

  test('tokens reads identity’s stream by a durable consumer, and acknowledges', async () => {
    const identity = await as('identity');
    const tokens = await as('tokens');
    await (await jetstreamManager(identity)).streams.add({ name: 'IDENTITY', subjects: ['identity.>'] });
    await jetstream(identity).publish('identity.user-deleted', '{}');
    const manager = await jetstreamManager(tokens);
    await manager.consumers.add('IDENTITY', { durable_name: 'tokens', ack_policy: 'explicit' });
    const consumer = await jetstream(tokens).consumers.get('IDENTITY', 'tokens');
    const message = await consumer.next({ expires: 2_000 });
    await expect(message?.ackAck()).resolves.toBe(true);
  });

  test('a wrong password is refused', async () => {
    const { host } = new URL(nats.url);
    await expect(connect({ servers: host, user: 'tokens', pass: 'wrong', reconnect: false })).rejects.toThrow();
    await expect(connect({ servers: host, reconnect: false })).rejects.toThrow();
  });
});
