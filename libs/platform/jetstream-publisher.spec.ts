import { randomUUID } from 'node:crypto';
import { MikroORM } from '@mikro-orm/postgresql';
import { type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { append } from '@tokenlog/event-store/append.js';
import { EventStore } from '@tokenlog/event-store/event-store.js';
import { createLog, numbersInLog, placesInLog } from '@tokenlog/event-store/log.sql.js';
import { LOG_START } from '@tokenlog/event-store/place.js';
import { readLog } from '@tokenlog/event-store/read.js';
import { Subscription } from '@tokenlog/event-store/subscription.js';
import { type TestDatabase, testDatabase } from '../../test/support/database.js';
import { eventually } from '../../test/support/eventually.js';
import { stepOf } from '../../test/support/migrations.js';
import { testNats } from '../../test/support/nats.js';
import { closeDatabase, databaseOptions, migrateDatabase, poolOf } from './database.js';
import { Presence, readDeployment } from './deployment.js';
import { jetstreamPublisher } from './jetstream-publisher.js';
import { logHeader } from './log-headers.js';
import { connectNats } from './nats.js';

const PART = { schema: 'sample', role: 'tokenlog_sample' };
const STREAM = 'IDENTITY';

describe('the publisher of a log', () => {
  let nats: Awaited<ReturnType<typeof testNats>>;
  let connection: NatsConnection;
  let manager: JetStreamManager;
  let database: TestDatabase;
  let orm: MikroORM;
  let store: EventStore;
  let presence: Presence;
  let subscription: Subscription;

  beforeAll(async () => {
    nats = await testNats();
    connection = await connectNats(nats.urls.identity, 'identity', 'test');
    manager = await jetstreamManager(connection);
  });
  afterAll(async () => {
    await connection?.close();
    await nats?.stop();
  });

  beforeEach(async () => {
    database = await testDatabase();
    await migrateDatabase(database.url, PART, [
      stepOf('1', [
        ...createLog(PART.schema, PART.role),
        ...placesInLog(PART.schema, PART.role),
        ...numbersInLog(PART.schema, PART.role),
      ]),
    ]);
    orm = await MikroORM.init(databaseOptions(database.url, PART));
    store = new EventStore(await poolOf(orm));
    presence = await Presence.join(connection, await readDeployment(store.pool, 'test'));
    subscription = new Subscription(store, publisher());
  });
  afterEach(async () => {
    await subscription.stop();
    presence.stop();
    await closeDatabase(orm);
    await database.drop();
    await manager.streams.delete(STREAM).catch(() => undefined);
  });

  const publisher = (nats = connection, types = ['sample', 'kept-inside']) =>
    jetstreamPublisher({
      nats,
      presence,
      stream: STREAM,
      subjects: ['identity.>'],
      types,
      subjectOf: ({ type }) => (type === 'kept-inside' ? null : `identity.${type}`),
      payloadOf: ({ id, version }) => ({ id, version }),
    });

  async function appendEvents(count: number, type = 'sample'): Promise<string[]> {
    const entity = randomUUID();
    const events = Array.from({ length: count }, (_, index) => ({ type, data: { index } }));
    const metadata = { by: { kind: 'system' as const } };
    const appends = [{ stream: `sample-${entity}`, entity, expectedVersion: 0, events, metadata }];
    const recorded = await append(store.pool, appends);
    store.appended();
    return recorded.map(({ id }) => id);
  }

  async function published(): Promise<string[]> {
    const { state } = await manager.streams.info(STREAM);
    const ids: string[] = [];
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      const message = await manager.streams.getMessage(STREAM, { seq });
      const { id } = message!.json<{ id: string }>();
      expect(message!.header.get('Nats-Msg-Id')).toBe(id);
      ids.push(id);
    }
    return ids;
  }

  const becomes = (ids: string[]) => eventually(async () => expect(await published()).toEqual(ids));

  it('publishes each event once, in order, what was appended before it started too', async () => {
    const before = await appendEvents(700);
    subscription.start();
    const after = await appendEvents(3);
    await becomes([...before, ...after]);
  });

  it('leaves out what is not for others', async () => {
    subscription.start();
    const first = await appendEvents(1);
    await appendEvents(2, 'kept-inside');
    await becomes([...first, ...(await appendEvents(1))]);
  });

  it('fills a stream again that was deleted while it ran, though nothing new happens', async () => {
    subscription.start();
    const ids = await appendEvents(5);
    await becomes(ids);
    await manager.streams.delete(STREAM);
    await becomes(ids);
    await becomes([...ids, ...(await appendEvents(1))]);
  });

  it('goes on where the stream ends when its checkpoint was lost or is behind', async () => {
    subscription.start();
    const ids = await appendEvents(5);
    await becomes(ids);
    await subscription.stop();
    await store.pool.query(`UPDATE checkpoints SET seen = NULL, reading = NULL, transaction_id = '1', position = 0`);
    subscription.start();
    await becomes([...ids, ...(await appendEvents(1))]);
  });

  it('fills the stream anew when it stopped before its first checkpoint', async () => {
    subscription.start();
    const ids = await appendEvents(5);
    await becomes(ids);
    await subscription.stop();
    await store.pool.query(`UPDATE checkpoints SET seen = NULL, reading = NULL, transaction_id = '0', position = 0`);
    subscription.start();
    await becomes([...ids, ...(await appendEvents(1))]);
  });

  it('appends again what the stream lost of its end', async () => {
    subscription.start();
    const ids = await appendEvents(2);
    await becomes(ids);
    await subscription.stop();
    const lost = await appendEvents(3);
    const end = (await store.pool.query('SELECT transaction_id, position FROM events ORDER BY 1, 2')).rows.at(-1);
    await store.pool.query('UPDATE checkpoints SET seen = NULL, transaction_id = $1, position = $2', [
      end.transaction_id,
      end.position,
    ]);
    subscription.start();
    await becomes([...ids, ...lost]);
  });

  it('keeps a stream of a deployment that is not there any more, and goes on behind what it holds', async () => {
    await manager.streams.add({
      name: STREAM,
      subjects: ['identity.>'],
      description: `Tokenlog deployment ${randomUUID()}`,
    });
    const header = headers();
    header.set('Tokenlog-Cursor', '999999999999:7');
    header.set('Tokenlog-Log', logHeader(randomUUID(), 1));
    header.set('Nats-Msg-Id', 'strange');
    await jetstream(connection).publish('identity.sample', '{"id":"strange"}', { headers: header });
    const ids = await appendEvents(2);
    subscription.start();
    await becomes(['strange', ...ids]);
    await subscription.stop();
    subscription.start();
    await becomes(['strange', ...ids, ...(await appendEvents(1))]);
  });

  it('does not touch a stream of a deployment that is there', async () => {
    const other = { ...presence.self, id: randomUUID(), serverName: 'the-other' };
    await manager.streams.add({
      name: STREAM,
      subjects: ['identity.>'],
      description: `Tokenlog deployment ${other.id} (the-other)`,
    });
    await jetstream(connection).publish('identity.sample', '{"id":"theirs"}', { msgID: 'theirs' });
    const elsewhere = await connectNats(nats.urls.tokens, 'tokens', 'the other');
    elsewhere.subscribe('internal.deployment.present', {
      callback: (_, message) => void message.respond(JSON.stringify(other)),
    });
    await elsewhere.flush();
    await expect(publisher().resume?.(LOG_START, store.pool)).rejects.toThrow('the-other');
    await elsewhere.close();
    await becomes(['theirs']);
  });

  it('goes on from its log under another epoch when the stream knows more than a restored database', async () => {
    subscription.start();
    const before = await appendEvents(2);
    await becomes(before);
    await subscription.stop();
    const [, second] = await readAll();
    const at = `${second!.transactionId}:${BigInt(second!.position) + 1000n}`;
    const header = headers();
    for (const [name, value] of Object.entries({
      'Nats-Msg-Id': 'lost',
      'Tokenlog-Cursor': at,
      'Tokenlog-Log': logHeader(presence.self.id, (await epochs())[0] as number),
    })) {
      header.set(name, value);
    }
    await jetstream(connection).publish('identity.sample', '{"id":"lost"}', { headers: header });
    subscription.start();
    const after = await appendEvents(2);
    await becomes([...before, 'lost', ...after]);
    const { state } = await manager.streams.info(STREAM);
    const last = await manager.streams.getMessage(STREAM, { seq: state.last_seq });
    const [first, begun, ...more] = await epochs();
    expect(more).toEqual([]);
    expect(begun).toBeGreaterThan(first as number);
    expect(last?.header.get('Tokenlog-Log')).toBe(logHeader(presence.self.id, begun as number));
    // Found once: the next start goes on from what was published since.
    await subscription.stop();
    subscription.start();
    await becomes([...before, 'lost', ...after, ...(await appendEvents(1))]);
    expect(await epochs()).toHaveLength(2);
  });

  it('does not write again what the stream has of the events behind a restored checkpoint', async () => {
    subscription.start();
    const ids = await appendEvents(3);
    await becomes(ids);
    await subscription.stop();
    const one = publisher();
    await one.resume?.(LOG_START, store.pool);
    const events = await readAll();
    const places = (await readLog(store.pool, LOG_START, 10)).places;
    const more = await appendEvents(1);
    await one.deliver?.([...events, ...(await readAll()).slice(-1)], [...places, places[0]!]);
    await becomes([...ids, ...more]);
  });

  it('leaves an event of a type that it does not know for a version that does, and goes on with the others', async () => {
    subscription.start();
    const first = await appendEvents(1);
    const strange = await appendEvents(2, 'of-a-later-version');
    const last = await appendEvents(1);
    await becomes([...first, ...last]);
    await subscription.stop();
    const later = new Subscription(store, publisher(connection, ['sample', 'of-a-later-version']));
    later.start();
    await becomes([...first, ...last, ...strange]);
    await later.stop();
  });

  it('does not let a publisher that was replaced write between the events of its successor', async () => {
    const stale = publisher();
    await stale.resume?.(LOG_START, store.pool);
    subscription.start();
    const ids = await appendEvents(3);
    await becomes(ids);
    const other = { ...(await readAll())[0]!, id: randomUUID() };
    await expect(stale.deliver?.([other], [LOG_START])).rejects.toThrow('wrong last sequence');
    await becomes(ids);
  });

  it('stops at the first event that fails: none behind it is written', async () => {
    const one = publisher();
    await one.resume?.(LOG_START, store.pool);
    await appendEvents(3);
    const [first, second, third] = await readAll();
    const tooLarge = { ...second!, data: {}, version: 'x'.repeat(2_000_000) as never };
    await expect(one.deliver?.([first!, tooLarge, third!], [LOG_START, LOG_START, LOG_START])).rejects.toThrow(STREAM);
    await becomes([first!.id]);
  });

  it('catches up when NATS was away', async () => {
    const own = await testNats();
    const ownConnection = await connectNats(own.urls.identity, 'identity', 'test');
    const one = new Subscription(store, publisher(ownConnection));
    one.start();
    await appendEvents(1);
    await own.stop();
    await appendEvents(2);
    await one.stop();
    await ownConnection.close();
    subscription.start();
    const all = (await readAll()).map(({ id }) => id);
    expect(all).toHaveLength(3);
    await becomes(all);
  });

  async function epochs(): Promise<number[]> {
    return (await store.pool.query('SELECT epoch::float8 FROM history ORDER BY 1')).rows.map(({ epoch }) => epoch);
  }

  async function readAll() {
    return eventually(async () => {
      const { events } = await readLog(store.pool, LOG_START, 100);
      expect(events).not.toEqual([]);
      return events;
    });
  }
});
