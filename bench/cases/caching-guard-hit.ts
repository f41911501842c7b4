import type { Case } from '../case.js';
import { startChild } from '../child.js';
import type { GuardHits, GuardHitsMessage } from '../processes/guard-hits.js';
import { textOf } from '../seed-tokens.js';

export const cachingGuardHit: Case = {
  name: 'caching-guard-hit',
  title: 'A caching guard, a hit',
  explanation: `
How many verifications a second a guard with \`cache: true\` answers from its memory, in one loop in one process: \`await
verifier.verify({ credential, scopes, ip })\` of \`TokenVerifier\`, the entrance that an application has. The guard is a real one, with
a lease from the running system, and holds every token in the database; each verification is of another token, consecutive
ones far apart. Each looks at the lease, the entry's end and the scopes, and counts a use.

Beside it, in the same process, a **bare loop**: SHA-256 of the same texts, in the encoding that Node makes fastest, a look-up in a
\`Map\` and a look at the clock. No memory that is not to keep the texts themselves can do less.

Both loops let the process turn to its other work after every thousand iterations. Of the guard that includes the heartbeats and the
reports of uses: with every token used several times each half second, hundreds of thousands of
uses a second are reported, far more than a service has. After each measurement the bench waits until the token service has counted them, and checks that it has
counted **each of them once**.
`,
  levels: [1],

  async prepare(bench) {
    const stage = await bench.stage();
    const child = await startChild('guard-hits.js', { natsUrl: stage.system.natsUrls.guard });
    const ask = (message: GuardHitsMessage) => child.ask<GuardHits>(message);
    await ask({ credentials: stage.tokens.map(textOf) });
    return {
      contenders: [
        {
          name: 'guard',
          measure: async (_, milliseconds) => {
            const before = await stage.usesInLog();
            const { rate, uses } = await ask({ run: 'guard', milliseconds });
            return { value: rate, aftermath: await stage.settleUses(before + uses) };
          },
        },
        {
          name: 'bare loop',
          measure: async (_, milliseconds) => ({ value: (await ask({ run: 'bare loop', milliseconds })).rate }),
        },
      ],
      comparisons: [
        {
          name: 'rate: guard / bare loop',
          level: 1,
          figure: (of) => of('guard').value / of('bare loop').value,
          goal: { atLeast: 0.7 },
        },
      ],
      end: () => child.stop(),
    };
  },
};
