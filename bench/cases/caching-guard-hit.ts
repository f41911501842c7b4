import type { Case, Contender } from '../case.js';
import { startChild } from '../child.js';
import type { GuardHits, GuardHitsMessage, Run } from '../processes/guard-hits.js';
import { textOf } from '../seed-tokens.js';

const LEVELS = [1_000, 100_000];

export const cachingGuardHit: Case = {
  name: 'caching-guard-hit',
  title: 'A caching guard, a hit',
  explanation: `
How many verifications a second a guard with \`cache: true\` answers from its memory, in one loop in one process. **Guard** is
\`verifier.recall({ credential, scopes, ip })\` of \`TokenVerifier\`, the entrance that \`TokenGuard\` takes first; **guard, awaited** is \`await
verifier.verify(…)\`, which asks the token service where \`recall\` cannot answer. The guard is a real one, with
a lease from the running system, and holds every token in the database; the level is how many of them are in use. Each verification is of
another token, consecutive ones far apart. Each looks at the lease, the entry's end and the scopes, and counts a use.

Beside it, in the same process, a **bare loop**: SHA-256 of the same texts, in the encoding that Node makes fastest, a look-up in a
\`Map\` and a look at the clock. No memory that is not to keep the texts themselves can do less.

Both loops let the process turn to its other work after every thousand iterations. Of the guard that includes the heartbeats and the
reports of uses: one line for each token that was used in half a second. With 100,000 in use these are far more than a service has. After each measurement the bench waits until the token service has counted them, and checks that it has
counted **each of them once**.
`,
  levelName: 'tokens in use',
  levels: LEVELS,

  async prepare(bench) {
    const stage = await bench.stage();
    const child = await startChild('guard-hits.js', { natsUrl: stage.system.natsUrls.guard });
    const ask = (message: GuardHitsMessage) => child.ask<GuardHits>(message);
    await ask({ credentials: stage.tokens.map(textOf) });
    const guard = (name: string, run: Run): Contender => ({
      name,
      measure: async (inUse, milliseconds) => {
        const before = await stage.usesInLog();
        const { rate, uses } = await ask({ run, inUse, milliseconds });
        return { value: rate, aftermath: await stage.settleUses(before + uses) };
      },
    });
    const bareLoop: Contender = {
      name: 'bare loop',
      measure: async (inUse, milliseconds) => ({ value: (await ask({ run: 'bare loop', inUse, milliseconds })).rate }),
    };
    return {
      contenders: [guard('guard', 'recall'), guard('guard, awaited', 'verify'), bareLoop],
      comparisons: LEVELS.flatMap((level) => [
        {
          name: 'rate: guard / bare loop',
          level,
          figure: (of) => of('guard').value / of('bare loop').value,
          goal: { atLeast: 0.7 },
        },
        {
          name: 'rate: guard, awaited / bare loop',
          level,
          figure: (of) => of('guard, awaited').value / of('bare loop').value,
        },
      ]),
      end: () => child.stop(),
    };
  },
};
