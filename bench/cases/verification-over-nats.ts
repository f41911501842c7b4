import { type VerifyRequest, verify } from '@tokenlog/contracts/tokens/verify.js';
import type { Case, Comparison, Contender } from '../case.js';
import { startChild } from '../child.js';
import type { Stage } from '../stage.js';

/** The server lets the clients' user ask below this, and the token service's user answer. */
const NATS_ECHO = 'tokens.guard.bench-nats-echo';
const NEST_ECHO = 'tokens.guard.bench-nest-echo';
const LEVELS = [1, 64, 256];

export const verificationOverNats: Case = {
  name: 'verification-over-nats',
  title: 'Verification over NATS',
  explanation: `
How many tokens a second one token service verifies, asked over NATS by 1, 64 and 256 clients that each wait for a reply
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

  async prepare(bench) {
    const stage = await bench.stage();
    const { natsUrls } = stage.system;
    const requests = stage.tokens.map(({ id, proof }): VerifyRequest => {
      return { id, proof, scopes: ['rest'], service: 'bench', ip: '192.0.2.7' };
    });
    await stage.load.prepare(
      'requests',
      requests.map((request) => JSON.stringify(request)),
    );
    await stage.load.prepare(
      'nest requests',
      requests.map((data, id) => JSON.stringify({ pattern: NEST_ECHO, data, id: String(id) })),
    );
    const natsEcho = await startChild('nats-echo.js', { natsUrl: natsUrls.tokens, subject: NATS_ECHO });
    const nestEcho = await startChild('nest-echo.js', { natsUrl: natsUrls.tokens, subject: NEST_ECHO });

    return {
      contenders: [verification(stage), ...echoes(stage, natsEcho.pid, nestEcho.pid)],
      comparisons: LEVELS.flatMap(comparisonsAt),
      end: async () => {
        await Promise.all([natsEcho.stop(), nestEcho.stop()]);
      },
    };
  },
};

function verification(stage: Stage): Contender {
  return {
    name: 'verification',
    measure: (clients, milliseconds) =>
      stage.measure(
        { subject: verify.subject, payloads: 'requests', clients, milliseconds, expect: 'active token' },
        { service: stage.system.pid('tokens'), PostgreSQL: stage.system.pid('postgres') },
      ),
  };
}

function echoes(stage: Stage, natsEcho: number, nestEcho: number): Contender[] {
  return [
    {
      name: 'NATS echo',
      measure: (clients, milliseconds) =>
        stage.measure(
          { subject: NATS_ECHO, payloads: 'requests', clients, milliseconds, expect: 'what was sent' },
          { service: natsEcho },
        ),
    },
    {
      name: 'Nest echo',
      measure: (clients, milliseconds) =>
        stage.measure(
          {
            subject: NEST_ECHO,
            payloads: 'nest requests',
            clients,
            milliseconds,
            expect: 'what was sent, in an envelope',
          },
          { service: nestEcho },
        ),
    },
  ];
}

function comparisonsAt(level: number): Comparison[] {
  const many = level > 1;
  return [
    {
      name: 'rate: verification / Nest echo',
      level,
      figure: (of) => of('verification').value / of('Nest echo').value,
      ...(many && { goal: { atLeast: 0.7 } }),
    },
    {
      name: 'rate: verification / NATS echo',
      level,
      figure: (of) => of('verification').value / of('NATS echo').value,
    },
    {
      name: 'p99: verification / Nest echo',
      level,
      figure: (of) => (of('verification').p99 ?? 0) / (of('Nest echo').p99 ?? 0),
      ...(many && { goal: { atMost: 2 } }),
    },
  ];
}
