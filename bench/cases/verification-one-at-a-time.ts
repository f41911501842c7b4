import type { Case } from '../case.js';
import { startChild } from '../child.js';
import { nestEcho } from '../echo.js';
import type { LoadResult } from '../load.js';
import { measure } from '../measure.js';
import { verification } from '../verification.js';

export const verificationOneAtATime: Case = {
  name: 'verification-one-at-a-time',
  title: 'One verification after the other',
  explanation: `
A single client, so that nothing is shared with another verification: what one costs that comes alone. It
can't take less than a round trip over NATS and one commit. So beside it, in the same rounds:

- **Nest echo**: the same request, returned by a Nest microservice.
- **bare commit**: one row of the size of an event, inserted into a table without indexes by a program that is connected to
  PostgreSQL, each in a transaction of its own that is flushed to the disk.

The ratio is the time of a verification over the times of these two together (means, as the rates give them).
`,
  levels: [1],

  async prepare(bench) {
    const stage = await bench.stage();
    const echo = await nestEcho(stage, stage.tokens);
    const committer = await startChild('bare-commit.js', { databaseUrl: stage.system.databaseUrl });
    return {
      contenders: [
        await verification(stage, 'verification', stage.tokens),
        echo,
        {
          name: 'bare commit',
          measure: (_, milliseconds) =>
            measure({ clients: committer.pid, PostgreSQL: stage.system.pid('postgres') }, () =>
              committer.ask<LoadResult>({ milliseconds }),
            ),
        },
      ],
      comparisons: [
        {
          name: 'time: verification / (Nest echo + bare commit)',
          level: 1,
          figure: (of) => {
            const time = (contender: string) => 1 / of(contender).value;
            return time('verification') / (time('Nest echo') + time('bare commit'));
          },
          goal: { atMost: 1.3 },
        },
      ],
      end: async () => {
        await echo.stop();
        await committer.stop();
      },
    };
  },
};
