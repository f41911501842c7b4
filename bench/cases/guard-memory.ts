import type { Case } from '../case.js';
import { startChild } from '../child.js';
import type { GuardMemoryGiven } from '../processes/guard-memory.js';

const TOKENS = 100_000;
const TOKENS_OF_USER = 100;

export const guardMemory: Case = {
  name: 'guard-memory',
  title: 'Memory of a caching guard',
  explanation: `
How many bytes each token costs that a guard with \`cache: true\` holds: a new process fills the guard's memory with 100,000 answers, as many as
it holds by default. The figure is what its heap and its buffers have grown by after a garbage collection, divided by their number.

Each token has an id, a description of about twenty characters and a digest of its own, and answers come as they do over NATS, as JSON
text that is parsed. A hundred tokens have one user, and all have the same
scope; where each token has a user of its own, it costs about as much again. Not in it: the counters of tokens that were used in
the last half second, and the process itself.
`,
  unit: 'bytes a token',
  levelName: 'tokens',
  levels: [TOKENS],

  async prepare() {
    return {
      contenders: [{ name: 'guard', measure: async (tokens) => ({ value: await bytesOfOne(tokens) }) }],
      comparisons: [
        { name: 'bytes a cached token', level: TOKENS, figure: (of) => of('guard').value, goal: { atMost: 400 } },
      ],
      end: async () => {},
    };
  },
};

async function bytesOfOne(tokens: number): Promise<number> {
  const child = await startChild('guard-memory.js', {
    tokens,
    tokensOfUser: TOKENS_OF_USER,
  } satisfies GuardMemoryGiven);
  try {
    return await child.ask<number>({});
  } finally {
    await child.stop();
  }
}
