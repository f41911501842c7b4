import type { Case, Comparison } from '../case.js';
import { natsEcho, nestEcho } from '../echo.js';
import { verification } from '../verification.js';

const LEVELS = [1, 4, 16, 64, 256];
/** The goal is set for these. */
const MANY = [64, 256];

export const verificationOverNats: Case = {
  name: 'verification-over-nats',
  title: 'Verification over NATS',
  explanation: `
How many tokens a second one token service verifies, asked over NATS by clients that each wait for a reply
before they ask again. Each request names another token, all of them in turn. Nothing is cached: the
service looks the token, its secret and its user up in PostgreSQL, and **each verification is a use that is
committed to the log, on the disk, before its reply goes out**. Every reply is checked to accept the token.

Beside it, on the same nats-server, with the same clients and the same requests:

- **NATS echo**: a bare subscription that answers each message with its own bytes. Nothing that answers over NATS does less.
- **Nest echo**: a Nest microservice whose handler returns its payload, asked in Nest's envelope. What any Nest service pays
  for being asked.

The service, each echo, the clients, nats-server and PostgreSQL are processes of their own, on the one machine. So a ratio is not
what verification adds to the service's own time alone: PostgreSQL's work takes processors away from the
clients and from NATS as well.
`,
  levels: LEVELS,
  pictures: [
    { of: 'rate', title: 'Requests a second, by concurrent clients' },
    { of: 'latencies', title: 'Latency in ms, by percentile, 64 concurrent clients', level: 64 },
  ],

  async prepare(bench) {
    const stage = await bench.stage();
    const verified = await verification(stage, 'verification', stage.tokens);
    const echoes = [await natsEcho(stage, stage.tokens), await nestEcho(stage, stage.tokens)];
    return {
      contenders: [verified, ...echoes],
      comparisons: LEVELS.flatMap(comparisonsAt),
      end: async () => {
        for (const { stop } of echoes) await stop();
      },
    };
  },
};

function comparisonsAt(level: number): Comparison[] {
  const many = MANY.includes(level);
  return [
    {
      name: 'rate: verification / Nest echo',
      level,
      figure: (of) => of('verification').value / of('Nest echo').value,
      ...(many && { goal: { atLeast: 0.7 } }),
    },
    {
      name: 'p99: verification / Nest echo',
      level,
      figure: (of) => (of('verification').p99 ?? 0) / (of('Nest echo').p99 ?? 0),
      ...(many && { goal: { atMost: 2 } }),
    },
  ];
}
