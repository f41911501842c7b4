import type { Case } from '../case.js';
import { startChild } from '../child.js';
import { makeDatabase } from '../own-database.js';

/** What the appending process is told; it answers events a second. */
export interface AppendTask {
  readonly contender: 'append' | 'bare INSERT';
  /** Events in each transaction. */
  readonly batch: number;
  readonly milliseconds: number;
}

const LEVELS = [1, 100, 1_000];
const CONTENDERS = ['append', 'bare INSERT'] as const;

export const appendInBatches: Case = {
  name: 'append',
  title: 'Appending to the log',
  explanation: `
How many events a second one connection appends to the log, in transactions of 1, 100 and 1,000 events: \`BEGIN\`,
the append, \`COMMIT\` to the disk, then the next. Each event is the creation of another token, so that every one has a stream of
its own, whose version is checked.

- **append**: \`append()\` of \`libs/event-store\`, as every command uses it. It is given events, makes rows of them, inserts them
  in one statement and returns them as they are recorded, each with its position, id and time.
- **bare INSERT**: the same rows, by \`INSERT … SELECT FROM unnest(…)\` and nothing else. It is given the columns ready, their
  JSON as text, and it returns nothing but how many rows there are.

Both write to a table with the same columns, indexes, partitions and triggers, which is made anew for each measurement; both are
prepared while the clock stands. Not in it: reading a stream before it is appended to, projections, and publishing.
`,
  unit: 'events a second',
  levelName: 'events a batch',
  levels: LEVELS,

  async prepare(bench) {
    const database = await makeDatabase(await bench.stage());
    const child = await startChild('append.js', { databaseUrl: database.url });
    return {
      contenders: CONTENDERS.map((name) => ({
        name,
        measure: async (batch, milliseconds) => ({
          value: await child.ask<number>({ contender: name, batch, milliseconds } satisfies AppendTask),
        }),
      })),
      comparisons: LEVELS.map((level) => ({
        name: 'append / bare INSERT',
        level,
        figure: (of) => of('append').value / of('bare INSERT').value,
        goal: { atLeast: 0.8 },
      })),
      end: async () => {
        await child.stop();
        await database.drop();
      },
    };
  },
};
