import type { Case, Comparison } from '../case.js';
import { type Child, startChild } from '../child.js';
import { HttpLoad } from '../http-load.js';
import type { LoadResult } from '../load.js';
import { measure } from '../measure.js';
import type { GuardedAppGiven, GuardedAppMessage } from '../processes/guarded-app.js';
import type { Sample } from '../sample.js';
import { textOf } from '../seed-tokens.js';
import type { Stage } from '../stage.js';

type Adapter = GuardedAppGiven['adapter'];

const ADAPTERS: readonly Adapter[] = ['Express', 'Fastify'];
const GOALS: Record<Adapter, number> = { Express: 0.97, Fastify: 0.92 };

/** The applications without `AuthModule`. */
const PLAIN = ['no-op guard', 'unguarded'] as const;
type Plain = (typeof PLAIN)[number];

const CLIENTS = 64;
const TOKENS = 1_000;
/** A guard asks again after a minute what it holds: before that there is a new one, which learns it before the clock starts. */
const FRESH_MS = 40_000;
/** Time enough to ask about each token. */
const LEARN_MS = 1_000;
const EXPECT = { status: 200, body: 'world' };

export const guardedRoute: Case = {
  name: 'guarded-route',
  title: 'A guarded route from cache',
  explanation: `
How many requests a second a small Nest application answers over HTTP, to 64 clients on a connection each, on Express and on
Fastify. **Guarded**: \`@UseGuards(TokenGuard)\` and \`@RequireScopes('rest')\` before a handler that returns a constant, \`AuthModule\` with
\`cache: true\`, tokens of 1,000 users in turn, all of them held when the clock starts. **Unguarded**: the same handler in an application
without \`AuthModule\`, and the same requests, with the same headers. **No-op guard**: the same without \`AuthModule\`, behind a guard of one
line that lets everything through; it shows what Nest takes for any guard. The applications of an adapter run in one process, and one of
them is asked at a time.

A guarded request counts a use, and its guard reports them twice a second; the token service and PostgreSQL write them into the log
while the clients ask on. They have the same two processors, so some of the difference is theirs. The processor time of the application alone
is the second comparison.
`,
  levels: [CLIENTS],

  async prepare(bench) {
    const stage = await bench.stage();
    const clients = await HttpLoad.start();
    const requests = stage.tokens.slice(0, TOKENS).map((token) => {
      return { path: '/', headers: { authorization: `Bearer ${textOf(token)}` } };
    });
    await clients.prepare('requests', requests);
    const apps = await Promise.all(ADAPTERS.map((adapter) => App.start(adapter, stage, clients)));
    return {
      contenders: apps.flatMap((app) => [
        {
          name: `${app.adapter}, guarded`,
          measure: (_: number, milliseconds: number) => app.measureGuarded(milliseconds),
        },
        ...PLAIN.map((plain) => ({
          name: `${app.adapter}, ${plain}`,
          measure: (_: number, milliseconds: number) => app.measure(plain, milliseconds),
        })),
      ]),
      comparisons: ADAPTERS.flatMap(comparisonsOf),
      end: async () => {
        await Promise.all([clients.stop(), ...apps.map((app) => app.stop())]);
      },
    };
  },
};

/** The process of one adapter. */
class App {
  private guarded: { url: string; since: number } | undefined;

  private constructor(
    readonly adapter: Adapter,
    private readonly child: Child,
    private readonly urls: Readonly<Record<Plain, string>>,
    private readonly stage: Stage,
    private readonly clients: HttpLoad,
  ) {}

  static async start(adapter: Adapter, stage: Stage, clients: HttpLoad): Promise<App> {
    const { guard: natsUrl } = stage.system.natsUrls;
    const child = await startChild('guarded-app.js', { adapter, natsUrl } satisfies GuardedAppGiven);
    const start = (which: Plain) => child.ask<string>({ start: which } satisfies GuardedAppMessage);
    const urls = { 'no-op guard': await start('no-op guard'), unguarded: await start('unguarded') };
    return new App(adapter, child, urls, stage, clients);
  }

  measure(plain: Plain, milliseconds: number): Promise<Sample> {
    return measure(this.processes, () => this.ask(this.urls[plain], milliseconds));
  }

  async measureGuarded(milliseconds: number): Promise<Sample> {
    const url = await this.freshGuard();
    let expected = await this.stage.usesInLog();
    const load = async () => {
      const result = await this.ask(url, milliseconds);
      expected += result.count;
      return result;
    };
    return measure(this.processes, load, () => this.stage.settleUses(expected));
  }

  stop(): Promise<void> {
    return this.child.stop();
  }

  private get processes() {
    return { application: this.child.pid, clients: this.clients.pid };
  }

  /** @returns the URL of an application whose guard holds every token, for long enough */
  private async freshGuard(): Promise<string> {
    if (this.guarded && performance.now() - this.guarded.since < FRESH_MS) return this.guarded.url;
    const before = await this.stage.usesInLog();
    const url = await this.child.ask<string>({ start: 'guarded' } satisfies GuardedAppMessage);
    this.guarded = { url, since: performance.now() };
    const { count } = await this.ask(url, LEARN_MS);
    await this.stage.settleUses(before + count);
    return url;
  }

  private ask(url: string, milliseconds: number): Promise<LoadResult> {
    return this.clients.run({ url, requests: 'requests', clients: CLIENTS, milliseconds, expect: EXPECT });
  }
}

function comparisonsOf(adapter: Adapter): Comparison[] {
  const [guarded, noOp, unguarded] = [`${adapter}, guarded`, `${adapter}, no-op guard`, `${adapter}, unguarded`];
  return [
    {
      name: `rate: ${guarded} / unguarded`,
      level: CLIENTS,
      figure: (of) => of(guarded).value / of(unguarded).value,
      goal: { atLeast: GOALS[adapter] },
    },
    {
      name: `rate: ${noOp} / unguarded`,
      level: CLIENTS,
      figure: (of) => of(noOp).value / of(unguarded).value,
    },
    {
      name: `processor time: ${adapter}, unguarded / guarded`,
      level: CLIENTS,
      figure: (of) => (of(unguarded).processor?.application ?? 0) / (of(guarded).processor?.application ?? 0),
    },
  ];
}
