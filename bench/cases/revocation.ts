import { startSession } from '@tokenlog/contracts/internal/start-session.js';
import { verify } from '@tokenlog/contracts/tokens/verify.js';
import { closeNats, connectNats } from '@tokenlog/platform/nats.js';
import { request } from '@tokenlog/platform/nats-request.js';
import { Client } from 'undici';
import type { Bench } from '../bench.js';
import { CachingGuards } from '../caching-guards.js';
import type { Case, Comparison, Contender } from '../case.js';
import { startChild } from '../child.js';
import { resultOf } from '../clients.js';
import { CommitTimes, commitTimeSettings } from '../commit-times.js';
import { measure } from '../measure.js';
import { monotonicNow } from '../monotonic.js';
import type { Sample } from '../sample.js';
import { type SeededToken, textOf } from '../seed-tokens.js';
import type { Stage } from '../stage.js';
import { percentile } from '../statistics.js';

/** The server lets identity's user, as which the clients ask, ask below this, and the token service's answer. */
const NATS_ECHO = 'internal.tokens.bench-nats-echo';
const LEVELS = [1, 50];
const GUARDS = 50;
const EVICTION = 'commit to last eviction';
const ANSWER = 'request to answer';
const ROUND_TRIP = 'NATS round trip';

export const revocation: Case = {
  name: 'revocation',
  title: 'Revocation with caching guards',
  explanation: `
How long a revoked token lives on in the memories of guards that answer without asking (\`cache: true\`), and how long
the revocation takes to answer. 1 and 50 such guards hold all the tokens that are about to be revoked. Then the tokens are
revoked one after the other, each by a request of its own over HTTP (\`DELETE /tokens/:id\` in a session of its owner, which
revokes a token that still works: no password has to be hashed for it, which would hide the rest). Every answer is checked,
and that no guard holds a token afterwards.

- **commit to last eviction**: from PostgreSQL's timestamp of the commit to the moment when the last of the guards has evicted
  the token. The timestamp (\`track_commit_timestamp\`, on for this case only) is taken before the commit is written to the
  disk, so that this is part of the time. All moments are of the machine's monotonic clock; PostgreSQL's clock is compared with it
  in each round, and what the comparison leaves open, about a tenth of a millisecond, counts as ours.
- **request to answer**: what whoever revokes waits for, of the same revocations. The answer comes when all guards have
  acknowledged: from then on the token is refused everywhere.
- **NATS round trip**: a request and its reply between two bare processes on the same nats-server, one at a time, while
  the same guards are there, with the two heartbeats that each sends in a second.

The guards are real ones, each with a connection of its own. They share one process, and so they evict one after the other: of the
time with 50 guards most is the processor time of that process, which 50 applications on machines of their own would spend
side by side. It is idle otherwise: nobody verifies while tokens are revoked.
`,
  unit: 'mean ms',
  levelName: 'guards',
  levels: LEVELS,

  async prepare(bench) {
    const stage = await bench.setStage({ tokens: tokensNeeded(bench), users: 1, settings: commitTimeSettings });
    const commits = await CommitTimes.connect(stage.system.databaseUrl);
    const guards = await CachingGuards.start(stage.system.natsUrls.guard);
    const echo = await startChild('nats-echo.js', { natsUrl: stage.system.natsUrls.tokens, subject: NATS_ECHO });
    const client = new Client(stage.system.tokens.url);
    const session = await sessionOfOwner(stage);
    await stage.load.prepare('round trips', [JSON.stringify({ id: stage.tokens[0]?.id })]);

    const revocations = new Revocations(stage, guards, commits, client, session);
    return {
      contenders: [
        { name: EVICTION, measure: async (level, ms) => (await revocations.take(EVICTION, level, ms)).eviction },
        { name: ANSWER, measure: async (level, ms) => (await revocations.take(ANSWER, level, ms)).answer },
        roundTrip(stage, guards, echo.pid),
      ],
      comparisons: LEVELS.flatMap(comparisonsAt),
      end: async () => {
        await client.close();
        await Promise.all([echo.stop(), guards.stop(), commits.end()]);
        await stage.end();
      },
    };
  },
};

/** Enough for a p99 in a measurement of 1.5 s, and one after the other, so that it takes about that long. */
function countOf(milliseconds: number): number {
  return Math.ceil(milliseconds / 5);
}

function tokensNeeded({ pace }: Bench): number {
  return (pace.rounds + 1) * LEVELS.length * countOf(pace.milliseconds);
}

interface Measured {
  readonly eviction: Sample;
  readonly answer: Sample;
}

/** Revocations one after the other, each seen from two sides: whichever contender comes first has them made. */
class Revocations {
  private next = 0;
  private readonly made = new Map<number, { measured: Promise<Measured>; by: string }>();

  constructor(
    private readonly stage: Stage,
    private readonly guards: CachingGuards,
    private readonly commits: CommitTimes,
    private readonly client: Client,
    private readonly session: string,
  ) {}

  take(contender: string, level: number, milliseconds: number): Promise<Measured> {
    const made = this.made.get(level);
    if (made && made.by !== contender) {
      this.made.delete(level);
      return made.measured;
    }
    const measured = this.make(level, countOf(milliseconds));
    this.made.set(level, { measured, by: contender });
    return measured;
  }

  private async make(level: number, count: number): Promise<Measured> {
    const { stage, guards } = this;
    const tokens = stage.tokens.slice(this.next, this.next + count);
    this.next += count;
    await guards.keep(level);
    await guards.hold(tokens.map(textOf));
    await stage.settle();

    const { system } = stage;
    const processes = {
      guards: guards.pid,
      service: system.pid('tokens'),
      PostgreSQL: system.pid('postgres'),
      'nats-server': system.pid('nats'),
    };
    const answer = await measure(
      processes,
      () => this.revokeInTurn(tokens),
      () => stage.settle(),
    );
    const ids = tokens.map(({ id }) => id);
    const evicted = await guards.evictions(ids);
    const committed = await this.commits.ofRevocations(ids);
    const took = evicted.map((at, index) => at - (committed[index] as number));
    return { eviction: sampleOf(took), answer: { ...answer, value: 1_000 / answer.value } };
  }

  private async revokeInTurn(tokens: readonly SeededToken[]) {
    const took: number[] = [];
    const begun = monotonicNow();
    for (const { id } of tokens) {
      const asked = monotonicNow();
      const { statusCode, body } = await this.client.request({
        method: 'DELETE',
        path: `/tokens/${id}`,
        headers: { authorization: `Bearer ${this.session}` },
      });
      const text = await body.text();
      took.push(monotonicNow() - asked);
      if (statusCode !== 204) throw new Error(`a revocation answers ${statusCode} ${text}`);
    }
    return resultOf(took, monotonicNow() - begun);
  }
}

/** The credential of a session of the user who has all the tokens, as identity starts one after a login. */
async function sessionOfOwner({ system, tokens }: Stage): Promise<string> {
  const nats = await connectNats(system.natsUrls.identity, 'identity', 'bench');
  try {
    const reply = await request(nats, verify, { credential: textOf(tokens[0] as SeededToken) });
    if (!reply.active) throw new Error(`a token that was just made is ${reply.reason}`);
    const basis = { with: 'password', userId: reply.user.id, userVersion: 1, ip: null } as const;
    const session = await request(nats, startSession, basis);
    if (!session.started) throw new Error(`no session: ${session.reason}`);
    return session.credential;
  } finally {
    await closeNats(nats);
  }
}

function sampleOf(took: Float64Array): Sample {
  const sorted = took.toSorted();
  const mean = sorted.reduce((sum, each) => sum + each, 0) / sorted.length;
  return { value: mean, p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) };
}

function roundTrip(stage: Stage, guards: CachingGuards, service: number): Contender {
  return {
    name: ROUND_TRIP,
    measure: async (level, milliseconds) => {
      await guards.keep(level);
      const task = { subject: NATS_ECHO, payloads: 'round trips', expect: 'what was sent' } as const;
      const sample = await stage.measure({ ...task, clients: 1, milliseconds }, { service });
      return { ...sample, value: 1_000 / sample.value };
    },
  };
}

function comparisonsAt(level: number): Comparison[] {
  const comparison = (percentile: 'p50' | 'p99', contender: string): Comparison => ({
    name: `${percentile}: ${contender} / ${ROUND_TRIP}`,
    level,
    figure: (of) => (of(contender)[percentile] ?? Number.NaN) / (of(ROUND_TRIP)[percentile] ?? Number.NaN),
    ...(percentile === 'p99' && contender === EVICTION && level === GUARDS && { goal: { atMost: 10 } }),
  });
  return [comparison('p99', EVICTION), comparison('p50', EVICTION), comparison('p99', ANSWER)];
}
