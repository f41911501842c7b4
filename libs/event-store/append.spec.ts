import { randomUUID } from 'node:crypto';
import { statementsDuring } from '../../test/support/statements.js';
import { type Append, append } from './append.js';
import { LOG_START } from './place.js';
import { readLog } from './read.js';
import { bySystem, testLog } from './testing/test-log.js';

describe('an append', () => {
  let log: Awaited<ReturnType<typeof testLog>>;

  beforeAll(async () => {
    log = await testLog();
  });
  afterAll(() => log.drop());

  const appends = (streams: number, events: number): Append[] =>
    Array.from({ length: streams }, (_, stream) => ({
      stream: `stream-${stream}-${randomUUID()}`,
      entity: randomUUID(),
      expectedVersion: 0,
      events: Array.from({ length: events }, (_, index) => ({
        type: `type-${index}`,
        data: { text: '{"a\\,', index },
      })),
      metadata: { ...bySystem, ip: `192.0.2.${stream}` },
    }));

  it('answers the events as the log holds them, in the order in which they were given', async () => {
    const given = appends(20, 5);
    const recorded = await append(log.pool, given);
    expect((await readLog(log.pool, LOG_START, 1_000)).events).toEqual(recorded);
    expect(recorded.map(({ stream, type }) => `${stream} ${type}`)).toEqual(
      given.flatMap(({ stream, events }) => events.map(({ type }) => `${stream} ${type}`)),
    );
  });

  it.each([
    [1, 1],
    [1, 50],
    [50, 20],
  ])('is one statement for %i streams of %i events', async (streams, events) => {
    const statements = await statementsDuring(log.databaseUrl, () => append(log.pool, appends(streams, events)));
    expect(statements).toEqual([expect.objectContaining({ calls: 1, rows: streams * events })]);
    expect(statements[0]?.text).toMatch(/^INSERT INTO events /);
  });

  it('asks nothing of the database for no events', async () => {
    expect(await statementsDuring(log.databaseUrl, () => append(log.pool, []))).toEqual([]);
  });
});
