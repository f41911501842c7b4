import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { type ConsumerConfig, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection, PermissionViolationError } from '@nats-io/transport-node';
import { identityEvents } from '@tokenlog/contracts/identity/identity-events.js';
import { tokenEvents } from '@tokenlog/contracts/tokens/token-events.js';
import { natsUsers, startNats } from '../tools/embedded-nats.js';
import { BASE_CONFIGURATION, writeGuards } from '../tools/nats-guards.js';
import { findNatsServer } from '../tools/nats-server.js';
import { root } from '../tools/paths.js';
import { generateNatsPasswords, generateSecret } from '../tools/secrets.js';
import { testFolder } from './support/folder.js';

/** Nobody may publish it; the server says so when it has said everything before. */
const LAST = '$SYS.LAST';

/** Each NATS user, and guards with users of their own. */
const users = [...natsUsers, 'guard-one', 'guard-two'] as const;
type User = (typeof users)[number];

/** The server that everything else here runs on, and those of `NATS_SERVER_BINS` (paths, as in PATH): other versions. */
const servers = [await findNatsServer(), ...(process.env.NATS_SERVER_BINS ?? '').split(delimiter).filter(Boolean)].map(
  (file) => [execFileSync(file, ['--version'], { encoding: 'utf8' }).trim(), file] as const,
);

/** The durable consumers that the services have, as their source names them; and one of versions before. */
const durables = ['apps/tokens', 'apps/identity']
  .flatMap((folder) => readdirSync(join(root, folder)).map((file) => join(root, folder, file)))
  .filter((file) => /consumer\.ts$/.test(file))
  .flatMap((file) => /durable: '([a-z-]+)'/.exec(readFileSync(file, 'utf8'))?.[1] ?? [])
  .concat('tokens-reactions');
const streams = ['IDENTITY', 'TOKENS', 'GUARD_USES'];

/** Every form in which a server takes a request about a consumer: of 2.9, of the newest, and one of servers to come. */
const aboutConsumer = (stream: string, name: string) => [
  `$JS.API.CONSUMER.CREATE.${stream}.${name}`,
  `$JS.API.CONSUMER.CREATE.${stream}.${name}.identity.user-deleted`,
  `$JS.API.CONSUMER.CREATE.${stream}.${name}.tokens.token-expiring`,
  `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.${name}`,
  `$JS.API.CONSUMER.INFO.${stream}.${name}`,
  `$JS.API.CONSUMER.DELETE.${stream}.${name}`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`,
  `$JS.API.CONSUMER.PAUSE.${stream}.${name}`,
  `$JS.API.CONSUMER.UNPIN.${stream}.${name}`,
  `$JS.API.CONSUMER.RESET.${stream}.${name}`,
  `$JS.API.CONSUMER.LEADER.STEPDOWN.${stream}.${name}`,
  `$JS.API.CONSUMER.SOMETHING.${stream}.${name}`,
  `$JS.ACK.${stream}.${name}.1.1.1.1.0`,
  `$JS.ACK.domain.hash.${stream}.${name}.1.1.1.1.0.x`,
  `$JS.FC.${stream}.${name}.x`,
];
const aboutStream = (stream: string) => [
  ...['INFO', 'CREATE', 'UPDATE', 'DELETE', 'PURGE', 'MSG.GET', 'MSG.DELETE', 'SNAPSHOT', 'RESTORE', 'PEER.REMOVE'].map(
    (verb) => `$JS.API.STREAM.${verb}.${stream}`,
  ),
  `$JS.API.STREAM.LEADER.STEPDOWN.${stream}`,
  `$JS.API.STREAM.SOMETHING.${stream}`,
  `$JS.API.DIRECT.GET.${stream}`,
  `$JS.API.DIRECT.GET.${stream}.identity.user-deleted`,
  // The name of the consumer stands in the body: whoever may ask here can redefine any.
  `$JS.API.CONSUMER.CREATE.${stream}`,
  `$JS.API.CONSUMER.NAMES.${stream}`,
  `$JS.API.CONSUMER.LIST.${stream}`,
];
const events = [...identityEvents, ...tokenEvents].map(({ subject }) => subject);
const requests = [
  'tokens.verify',
  'tokens.verify.one',
  'tokens.verify.two',
  'internal.tokens.start-session',
  'internal.identity.check-password',
  'internal.identity.event-applied',
  'internal.guard.invalidate',
  'internal.deployment.present',
];
const ofGuards = ['heartbeat', 'acknowledged', 'uses'].flatMap((what) => [
  `tokens.guard.${what}`,
  `tokens.guard.one.${what}`,
  `tokens.guard.two.${what}`,
]);
const inboxes = users.map((user) => `_INBOX_${user}.x`).concat('_INBOX.x');
const server = [
  '$SYS.REQ.SERVER.PING',
  '$JS.EVENT.ADVISORY.API',
  '$JS.API.INFO',
  '$JS.API.STREAM.NAMES',
  '$JS.API.STREAM.LIST',
  '$JS.API.ACCOUNT.PURGE.x',
  '$SRV.PING',
  'anything',
];

const subjects = [
  ...events,
  ...requests,
  ...ofGuards,
  ...inboxes,
  ...server,
  ...streams.flatMap(aboutStream),
  ...streams.flatMap((stream) => [...durables, 'own'].flatMap((name) => aboutConsumer(stream, name))),
];
const wide = [
  '>',
  '*.>',
  '*.*',
  'tokens.>',
  'tokens.*',
  'tokens.verify.*',
  'tokens.guard.>',
  'tokens.guard.*.uses',
  'identity.>',
  'internal.>',
  'internal.*.*',
  '$JS.>',
  '$JS.API.>',
  '$SYS.>',
  '_INBOX.>',
  '_INBOX*.>',
  ...users.map((user) => `_INBOX_${user}.>`),
];

const readsAndMakes = (stream: string, name: string) => [
  `$JS.API.CONSUMER.CREATE.${stream}.${name}`,
  `$JS.API.CONSUMER.CREATE.${stream}.${name}.identity.user-deleted`,
  `$JS.API.CONSUMER.CREATE.${stream}.${name}.tokens.token-expiring`,
  `$JS.API.CONSUMER.INFO.${stream}.${name}`,
  `$JS.API.CONSUMER.DELETE.${stream}.${name}`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`,
  `$JS.ACK.${stream}.${name}.1.1.1.1.0`,
];
const keeps = (stream: string) =>
  ['INFO', 'CREATE', 'UPDATE', 'DELETE', 'PURGE', 'MSG.GET'].map((verb) => `$JS.API.STREAM.${verb}.${stream}`);
const asks = ['$JS.API.INFO', '$JS.API.STREAM.NAMES'];
const under = (prefix: string) =>
  subjects.filter((subject) => subject.startsWith(prefix) && subject.split('.').length === prefix.split('.').length);

/** All that each user may publish, of all the subjects above. */
const mayPublish: Record<User, string[]> = {
  identity: [
    ...under('identity.'),
    ...under('internal.tokens.'),
    'internal.deployment.present',
    'tokens.verify',
    ...asks,
    ...keeps('IDENTITY'),
    ...[
      'CREATE.TOKENS.identity-mail.tokens.token-expiring',
      'INFO.TOKENS.identity-mail',
      'DELETE.TOKENS.identity-mail',
      'MSG.NEXT.TOKENS.identity-mail',
    ].map((request) => `$JS.API.CONSUMER.${request}`),
    '$JS.ACK.TOKENS.identity-mail.1.1.1.1.0',
  ],
  tokens: [
    ...under('tokens.'),
    ...under('internal.identity.'),
    'internal.guard.invalidate',
    'internal.deployment.present',
    ...asks,
    ...keeps('TOKENS'),
    ...['INFO', 'CREATE', 'UPDATE'].map((verb) => `$JS.API.STREAM.${verb}.GUARD_USES`),
    ...readsAndMakes('GUARD_USES', 'tokens-guard-uses').filter(
      (subject) => !subject.includes('.tokens-guard-uses.identity') && !subject.includes('.tokens-guard-uses.tokens'),
    ),
    '$JS.API.STREAM.INFO.IDENTITY',
    '$JS.API.STREAM.MSG.GET.IDENTITY',
    ...[...durables, 'own'].flatMap((name) => readsAndMakes('IDENTITY', name)),
  ],
  guard: ['tokens.verify', 'tokens.guard.heartbeat', 'tokens.guard.acknowledged', 'tokens.guard.uses'],
  'guard-one': [
    'tokens.verify',
    'tokens.verify.one',
    ...['heartbeat', 'acknowledged', 'uses'].map((what) => `tokens.guard.one.${what}`),
  ],
  'guard-two': [
    'tokens.verify',
    'tokens.verify.two',
    ...['heartbeat', 'acknowledged', 'uses'].map((what) => `tokens.guard.two.${what}`),
  ],
  observer: [
    ...asks,
    ...['IDENTITY', 'TOKENS'].flatMap((stream) => [
      `$JS.API.STREAM.INFO.${stream}`,
      // A consumer of its own; those of the other stream's services have names that mean nothing here.
      ...[...durables, 'own']
        .filter((name) => name !== (stream === 'TOKENS' ? 'identity-mail' : 'tokens-reactions'))
        .flatMap((name) => [
          ...readsAndMakes(stream, name),
          `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.${name}`,
          `$JS.FC.${stream}.${name}.x`,
        ]),
    ]),
  ],
};

/** All that each user may listen on, of the subjects above and of those with wildcards. */
const mayListen: Record<User, string[]> = {
  identity: ['_INBOX_identity.x', '_INBOX_identity.>', ...under('internal.identity.'), 'internal.deployment.present'],
  tokens: [
    '_INBOX_tokens.x',
    '_INBOX_tokens.>',
    ...subjects.filter((subject) => subject.startsWith('tokens.')),
    ...wide.filter((subject) => subject.startsWith('tokens.')),
    ...under('internal.tokens.'),
    'internal.deployment.present',
  ],
  guard: ['_INBOX_guard.x', '_INBOX_guard.>', 'internal.guard.invalidate'],
  'guard-one': ['_INBOX_guard-one.x', '_INBOX_guard-one.>', 'internal.guard.invalidate'],
  'guard-two': ['_INBOX_guard-two.x', '_INBOX_guard-two.>', 'internal.guard.invalidate'],
  // The server takes `identity.>` for a form of `identity.*`.
  observer: ['_INBOX_observer.x', '_INBOX_observer.>', 'identity.>', ...events],
};

describe.each(servers)('on %s', (_version, file) => {
  let stop: () => Promise<void>;
  let port: number;
  const passwords: Record<string, string> = {
    ...generateNatsPasswords(),
    'guard-one': generateSecret(),
    'guard-two': generateSecret(),
  };
  const connections: NatsConnection[] = [];

  beforeAll(async () => {
    const dataDir = await testFolder('nats');
    const configuration = `${dataDir}.conf`;
    const guards = ['one', 'two'].map((name) => ({ name, password: passwords[`guard-${name}`] ?? '' }));
    await writeGuards(configuration, guards, BASE_CONFIGURATION);
    const env = { ...process.env, NATS_SERVER_BIN: file };
    const nats = await startNats({ dataDir, configuration, passwords: passwords as never, env });
    port = nats.port;
    stop = async () => {
      await nats.stop();
      for (const path of [dataDir, `${dataDir}.log`, configuration]) await rm(path, { recursive: true, force: true });
    };
    const identity = await jetstreamManager(await as('identity'), { checkAPI: false });
    await identity.streams.add({ name: 'IDENTITY', subjects: ['identity.*'] });
    const tokens = await jetstreamManager(await as('tokens'), { checkAPI: false });
    await tokens.streams.add({ name: 'TOKENS', subjects: tokenEvents.map(({ subject }) => subject) });
    await tokens.streams.add({ name: 'GUARD_USES', subjects: ['tokens.guard.uses', 'tokens.guard.*.uses'] });
  });
  afterEach(async () => {
    await Promise.all(connections.splice(0).map((connection) => connection.close()));
  });
  afterAll(() => stop());

  async function as(user: User): Promise<NatsConnection> {
    const options = { servers: `127.0.0.1:${port}`, user, pass: passwords[user], inboxPrefix: `_INBOX_${user}` };
    const connection = await connect({ ...options, noAsyncTraces: true });
    connections.push(connection);
    return connection;
  }

  /** What the server refused of all that `act` did; it answers in order. */
  async function refusals(connection: NatsConnection, act: () => void): Promise<Set<string>> {
    const refused = new Set<string>();
    const statuses = connection.status();
    act();
    connection.publish(LAST, '?');
    for await (const status of statuses) {
      if (status.type !== 'error' || !(status.error instanceof PermissionViolationError)) continue;
      if (status.error.subject === LAST) break;
      refused.add(status.error.subject);
    }
    return refused;
  }

  test.each(users)('%s may publish what it needs, in no form more', async (user) => {
    const connection = await as(user);
    // Not JSON: nobody acts on it.
    const refused = await refusals(connection, () => {
      for (const subject of subjects) connection.publish(subject, '?');
    });
    const published = subjects.filter((subject) => !refused.has(subject));
    expect(published.toSorted()).toEqual(
      [...new Set(mayPublish[user])].filter((subject) => subjects.includes(subject)).toSorted(),
    );
  });

  test.each(users)('%s may listen where it is spoken to, and nowhere else', async (user) => {
    const connection = await as(user);
    const all = [...subjects, ...wide];
    const refused = await refusals(connection, () => {
      for (const subject of all) connection.subscribe(subject, { callback: () => undefined });
    });
    const heard = all.filter((subject) => !refused.has(subject));
    expect(heard.toSorted()).toEqual(
      [...new Set(mayListen[user])].filter((subject) => all.includes(subject)).toSorted(),
    );
  });

  test.each(users.filter((user) => user !== 'tokens' && user !== 'identity'))(
    '%s may not listen in a queue group beside the services',
    async (user) => {
      const connection = await as(user);
      const asked = ['tokens.verify', 'tokens.verify.one', 'tokens.guard.heartbeat', 'internal.tokens.start-session'];
      const refused = await refusals(connection, () => {
        for (const subject of asked) connection.subscribe(subject, { queue: 'tokens', callback: () => undefined });
      });
      expect([...refused].toSorted()).toEqual(asked.toSorted());
    },
  );

  test('a guard is answered in its own inbox by the token service alone', async () => {
    const tokens = await as('tokens');
    for (const subject of ['tokens.verify', 'tokens.verify.*']) {
      tokens.subscribe(subject, { callback: (_, message) => void message.respond('{"active":false}') });
    }
    await tokens.flush();
    for (const [user, subject] of [
      ['guard', 'tokens.verify'],
      ['guard-one', 'tokens.verify.one'],
      ['guard-two', 'tokens.verify'],
    ] as const) {
      const reply = await (await as(user)).request(subject, '{"credential":"x"}', { timeout: 2_000 });
      expect(reply.json()).toEqual({ active: false });
    }
  });

  describe('an observer', () => {
    const consumers = async (user: User) => (await jetstreamManager(await as(user), { checkAPI: false })).consumers;

    test('reads both streams by consumers of its own: ordered, by a name that lasts, and for one subject', async () => {
      await jetstream(await as('tokens')).publish('tokens.token-created', '{"id":"1"}');
      await jetstream(await as('identity')).publish('identity.user-registered', '{"id":"2"}');
      const observer = await as('observer');
      const manager = await jetstreamManager(observer, { checkAPI: false });
      for (const [stream, subject] of [
        ['TOKENS', 'tokens.token-created'],
        ['IDENTITY', 'identity.user-registered'],
      ] as const) {
        const durable = { durable_name: 'projector', ack_policy: 'explicit', deliver_policy: 'last' } as const;
        await manager.consumers.add(stream, durable);
        await manager.consumers.add(stream, { ...durable, durable_name: 'of-one', filter_subject: subject });
        const js = jetstream(observer);
        const found = [
          await js.consumers.get(stream, { filter_subjects: subject }),
          await js.consumers.get(stream),
          await js.consumers.get(stream, 'projector'),
          await js.consumers.get(stream, 'of-one'),
        ];
        for (const [index, consumer] of found.entries()) {
          const message = await consumer.next({ expires: 2_000 });
          expect(message?.subject.split('.')[0]).toBe(subject.split('.')[0]);
          if (index > 1) await expect(message?.ackAck()).resolves.toBe(true);
        }
        await expect(manager.consumers.delete(stream, 'projector')).resolves.toBe(true);
        await manager.consumers.delete(stream, 'of-one');
      }
    });

    /** A request by another consumer's subject with the name of a service's in its body, and the other way round. */
    test.each([
      ['IDENTITY', 'tokens-reactions', 'tokens'],
      ['TOKENS', 'identity-mail', 'identity'],
    ] as const)('can in no way make the consumer of %s another one than %s is', async (stream, name, owner) => {
      const wanted: Partial<ConsumerConfig> = {
        durable_name: name,
        ack_policy: 'explicit',
        ...(stream === 'TOKENS' && { filter_subject: 'tokens.token-expiring' }),
      };
      const own = await consumers(owner);
      await own.add(stream, wanted);
      const made = (await own.info(stream, name)).config;
      const observer = await as('observer');
      const filter = stream === 'TOKENS' ? 'tokens.token-created' : 'identity.user-registered';
      const bodies = [
        { name },
        { durable_name: name },
        { name, durable_name: name },
        { name: 'mine', durable_name: name },
        { name, durable_name: 'mine' },
      ];
      const asked = [
        ...aboutStream(stream),
        ...aboutConsumer(stream, name),
        ...aboutConsumer(stream, 'mine'),
        `$JS.API.CONSUMER.CREATE.${stream}.mine.${filter}`,
        `$JS.API.CONSUMER.CREATE.${stream}.${name}.${filter}`,
      ];
      await refusals(observer, () => {
        for (const subject of asked) {
          for (const names of bodies) {
            for (const action of ['', 'create', 'update']) {
              const config = { ...wanted, filter_subject: filter, ...names };
              observer.publish(subject, JSON.stringify({ stream_name: stream, config, action }), {
                reply: '_INBOX_observer.x',
              });
            }
          }
        }
      });
      const found = await own.info(stream, name);
      expect(found.config).toEqual(made);
      await own.delete(stream, name);
    });
  });

  test('identity mails what its one consumer delivers, and can have no other subject from it', async () => {
    const identity = await as('identity');
    const wanted = {
      durable_name: 'identity-mail',
      filter_subject: 'tokens.token-expiring',
      ack_policy: 'explicit',
    } as const;
    const manager = await jetstreamManager(identity, { checkAPI: false });
    await manager.consumers.add('TOKENS', wanted);
    await jetstream(await as('tokens')).publish('tokens.token-expiring', '{}');
    const message = await (await jetstream(identity).consumers.get('TOKENS', 'identity-mail')).next({ expires: 2_000 });
    await expect(message?.ackAck()).resolves.toBe(true);
    for (const filter of ['tokens.token-created', undefined]) {
      const config = { ...wanted, name: wanted.durable_name, filter_subject: filter };
      const reply = await identity.request(
        '$JS.API.CONSUMER.CREATE.TOKENS.identity-mail.tokens.token-expiring',
        JSON.stringify({ stream_name: 'TOKENS', config }),
      );
      expect(reply.json()).toHaveProperty('error');
    }
    await manager.consumers.delete('TOKENS', 'identity-mail');
  });

  test('a wrong password is refused, and so is none', async () => {
    const options = { servers: `127.0.0.1:${port}`, reconnect: false };
    await expect(connect({ ...options, user: 'tokens', pass: 'wrong' })).rejects.toThrow();
    await expect(connect({ ...options, user: 'guard-one', pass: passwords['guard-two'] })).rejects.toThrow();
    await expect(connect(options)).rejects.toThrow();
  });
});
