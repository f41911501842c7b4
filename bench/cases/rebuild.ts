import { migrate } from '../../apps/tokens/migrate.js';
import { generateSecret } from '../../tools/secrets.js';
import type { Bench } from '../bench.js';
import type { Case } from '../case.js';
import { startChild } from '../child.js';
import { makeDatabase } from '../own-database.js';
import { seedTokens } from '../seed-tokens.js';
import { liveOn } from '../token-lives.js';

/** What the reading process is told; it answers events a second. */
export interface RebuildTask {
  readonly contender: 'rebuild' | 'Map';
  /** How many it must find. */
  readonly events: number;
}

const LEVELS = [10, 1_000];
const CONTENDERS = ['rebuild', 'Map'] as const;
/** Events of the log for each token that the run is asked for. */
const EVENTS_A_TOKEN_OF_THE_RUN = 2;

export const rebuildOfTheTokenTable: Case = {
  name: 'rebuild',
  title: 'Rebuilding the token table from the log',
  explanation: `
How many events of the log a second go into a new token table. The log has 200,000 events, of tokens that are created, used in turn,
and edited, refreshed or revoked once: once 20,000 tokens with 10 events each, once 200 tokens with 1,000 each.

- **rebuild**: what an operator runs while the services run. It reads the log, fills a shadow of the table and of the counts of
  uses beside the live ones, compares all rows with them and puts the shadow in their place, committed to the disk.
- **Map**: the same events, read by the same function in batches of the same size, folded into a \`Map\` from a token
  to its state and its uses, in the process itself. It ends with nothing stored.

So the ratio says what the table costs beyond reading the log. The rebuild reads the next events while PostgreSQL takes up the ones
before, on two connections; the Map needs one. Both start with the log in PostgreSQL's memory, and nobody else uses the services' tables
meanwhile. Every rebuild must find that no row differed.
`,
  unit: 'events a second',
  levelName: 'events a token',
  levels: LEVELS,

  async prepare(bench) {
    const logs = new Map<number, Awaited<ReturnType<typeof makeLog>>>();
    for (const level of LEVELS) logs.set(level, await makeLog(bench, level));
    return {
      contenders: CONTENDERS.map((name) => ({
        name,
        measure: async (level) => {
          const { child, events } = logs.get(level) as Awaited<ReturnType<typeof makeLog>>;
          return { value: await child.ask<number>({ contender: name, events } satisfies RebuildTask) };
        },
      })),
      comparisons: LEVELS.map((level) => ({
        name: 'rebuild / Map',
        level,
        figure: (of) => of('rebuild').value / of('Map').value,
        goal: { atLeast: 0.4 },
      })),
      end: async () => {
        for (const { child, database } of logs.values()) {
          await child.stop();
          await database.drop();
        }
      },
    };
  },
};

async function makeLog(bench: Bench, eventsEach: number) {
  const database = await makeDatabase(await bench.stage());
  const count = Math.ceil((bench.pace.tokens * EVENTS_A_TOKEN_OF_THE_RUN) / eventsEach);
  await migrate(database.url);
  const tokens = await seedTokens({
    databaseUrl: database.url,
    pepper: { id: 'bench', key: generateSecret() },
    users: bench.pace.users,
    tokens: count,
  });
  await liveOn({ databaseUrl: database.url, tokens: tokens.map(({ id }) => id), eventsEach });
  const child = await startChild('rebuild.js', { databaseUrl: database.url });
  return { database, child, events: count * eventsEach };
}
