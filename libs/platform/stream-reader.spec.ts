import { setTimeout as delay } from 'node:timers/promises';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import pg from 'pg';
import { z } from 'zod';
import { type TestDatabase, testDatabase } from '../../test/support/database.js';
import { eventually } from '../../test/support/eventually.js';
import { stepOf } from '../../test/support/migrations.js';
import { testNats } from '../../test/support/nats.js';
import { migrateDatabase } from './database.js';
import { connectNats } from './nats.js';
import { moveStreamPlace, StreamReader, streamPlaces } from './stream-reader.js';

const PART = { schema: 'reading', role: 'tokenlog_reading' };
const STREAM = 'IDENTITY';

describe('a reader of a stream', () => {
  let nats: Awaited<ReturnType<typeof testNats>>;
  let database: TestDatabase;
  let pool: pg.Pool;
  let [writer, connection]: NatsConnection[] = [];
  let seen: number[] = [];

  beforeAll(async () => {
    [nats, database] = await Promise.all([testNats(), testDatabase()]);
    await migrateDatabase(database.url, PART, [stepOf('1', streamPlaces(PART.schema, PART.role))]);
    pool = new pg.Pool({ connectionString: database.url, options: `-c search_path=${PART.schema}` });
    writer = await connectNats(nats.urls.identity, 'identity', 'writer');
    connection = await connectNats(nats.urls.tokens, 'tokens', 'reader');
    await (await jetstreamManager(writer)).streams.add({ name: STREAM, subjects: ['identity.*'] });
  });
  afterAll(async () => {
    await Promise.all([writer?.close(), connection?.close(), pool.end()]);
    await Promise.all([nats.stop(), database.drop()]);
  });

  const reader = () =>
    new StreamReader<{ type: string; n: number }>(pool, connection as NatsConnection, {
      stream: STREAM,
      name: 'numbers',
      types: ['number'],
      schema: z.object({ type: z.literal('number'), n: z.int() }),
      async handle(messages, from) {
        const place = await moveStreamPlace(pool, from, messages.at(-1)?.sequence ?? from.sequence);
        seen.push(...messages.map(({ message }) => message.n));
        return place;
      },
    });
  const write = (n: number) =>
    jetstream(writer as NatsConnection).publish('identity.number', JSON.stringify({ type: 'number', n }));

  it('stops whenever it is told to, also while it is just beginning, and goes on where it was', async () => {
    for (let n = 0; n < 40; n++) {
      await write(n);
      const one = reader();
      one.start();
      // Each time a little later in its beginning.
      await delay(n / 2);
      await one.stop();
    }
    const last = reader();
    last.start();
    await last.caughtUp();
    expect(seen).toEqual(Array.from({ length: 40 }, (_, n) => n));
    await last.stop();
  });

  it('reads a stream that was made anew from its start, though it was further in the one before', async () => {
    seen = [];
    const one = reader();
    one.start();
    const { streams } = await jetstreamManager(writer as NatsConnection);
    await streams.delete(STREAM);
    await streams.add({ name: STREAM, subjects: ['identity.*'] });
    await write(100);
    await eventually(() => expect(seen).toEqual([100]));
    await one.stop();
  });
});
