import type { Case } from '../case.js';
import { verification } from '../verification.js';

const LEVELS = [64, 256];

export const verificationBySpread: Case = {
  name: 'verification-by-spread',
  title: 'One hot token, one user with many',
  explanation: `
The same verification over NATS, each use committed to the log before the reply, with the requests spread in three ways:

- **evenly**: over all tokens of all users, in turn.
- **one token**: every client presents the same one. Its count is one row, which every batch of verifications moves.
- **one user**: over a tenth of all tokens, which belong to a single user.
`,
  levels: LEVELS,

  async prepare(bench) {
    const stage = await bench.stage();
    const ofOneUser = await stage.seed({ users: 1, tokens: Math.ceil(stage.tokens.length / 10) });
    const contenders = [
      await verification(stage, 'evenly', stage.tokens),
      await verification(stage, 'one token', stage.tokens.slice(0, 1)),
      await verification(stage, 'one user', ofOneUser),
    ];
    const comparisons = LEVELS.flatMap((level) =>
      ['one token', 'one user'].map((name) => ({
        name: `rate: ${name} / evenly`,
        level,
        figure: (of: (contender: string) => { value: number }) => of(name).value / of('evenly').value,
        goal: { atLeast: 0.9 },
      })),
    );
    return { contenders, comparisons, end: async () => undefined };
  },
};
