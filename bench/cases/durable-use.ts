import type { Case } from '../case.js';
import { verification } from '../verification.js';

const LEVELS = [64, 256];

export const durableUse: Case = {
  name: 'durable-use',
  title: 'What it costs to count every use',
  explanation: `
A token's verification is a use: an event in the log with the service and the address that it came from, and a count that moves,
committed before the reply, and published to JetStream after it. A session's verification is decided by the same service, in
the same statement, from the same tables and one more, and leaves no trace. So the two differ by what counting costs:

- **counted**: tokens, evenly spread.
- **not counted**: a session of each of these tokens.

The ratio is the time that the machine takes for one, over the other. All of it is in there: what is published, too, in as far
as the publisher keeps up.
`,
  levels: LEVELS,

  async prepare(bench) {
    const stage = await bench.stage();
    const sessions = await stage.seedSessions();
    const contenders = [
      await verification(stage, 'counted', stage.tokens),
      await verification(stage, 'not counted', sessions),
    ];
    const comparisons = LEVELS.map((level) => ({
      name: 'time: counted / not counted',
      level,
      figure: (of: (contender: string) => { value: number }) => of('not counted').value / of('counted').value,
      goal: { atMost: 1.4 },
    }));
    return { contenders, comparisons, end: async () => undefined };
  },
};
