import 'reflect-metadata';
import { hash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { type INestApplicationContext, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AuthModule, TokenVerifier } from '@tokenlog/auth';
import { givenArguments, serveParent } from '../child.js';

/** What this process is asked. */
export type GuardHitsMessage =
  | { readonly credentials: readonly string[] }
  | { readonly run: Run; readonly inUse: number; readonly milliseconds: number };

/** By which entrance the guard is asked, or not at all. */
export type Run = 'recall' | 'verify' | 'bare loop';

/** What it has done: `uses` of tokens since the last answer, those that were asked for included. */
export interface GuardHits {
  readonly rate: number;
  readonly uses: number;
}

/** A guard asks again after a minute what it holds: before that there is a new one, which holds everything anew. */
const FRESH_MS = 40_000;
/** Verifications under way while a guard learns. */
const ASKED_AT_ONCE = 64;
/** After so many iterations of a loop the process does what else it has to do: heartbeats, reports. */
const A_TURN = 1_000;
/** Prime: consecutive tokens lie far apart in memory. */
const STRIDE = 7_919;
const SCOPES = ['rest'];
const ADDRESS = '192.0.2.7';

const { natsUrl } = givenArguments<{ natsUrl: string }>();
let credentials: readonly string[] = [];
let bare = new Map<string, { readonly expiresAt: number }>();
let guard: { app: INestApplicationContext; verifier: TokenVerifier; since: number } | undefined;
let uses = 0;

const runs: Record<Run, (inUse: readonly string[], milliseconds: number) => Promise<number>> = {
  recall: async (inUse, milliseconds) => {
    const { verifier } = await freshGuard();
    return loop(milliseconds, (from, to) => {
      for (let index = from; index < to; index++) {
        const credential = inUse[(index * STRIDE) % inUse.length] as string;
        const reply = verifier.recall({ credential, scopes: SCOPES, ip: ADDRESS });
        if (!reply) throw new Error('The guard does not hold a token.');
        uses++;
      }
    });
  },

  verify: async (inUse, milliseconds) => {
    const { verifier } = await freshGuard();
    return loop(milliseconds, async (from, to) => {
      for (let index = from; index < to; index++) {
        const credential = inUse[(index * STRIDE) % inUse.length] as string;
        const reply = await verifier.verify({ credential, scopes: SCOPES, ip: ADDRESS });
        if (!reply.active) throw new Error(`The guard answers ${reply.reason}.`);
        uses++;
      }
    });
  },

  'bare loop': (inUse, milliseconds) =>
    loop(milliseconds, (from, to) => {
      for (let index = from; index < to; index++) {
        const credential = inUse[(index * STRIDE) % inUse.length] as string;
        const entry = bare.get(hash('sha256', credential, 'binary'));
        if (entry === undefined || Date.now() >= entry.expiresAt) throw new Error('The bare loop misses a token.');
      }
    }),
};

/** @returns iterations a second */
async function loop(
  milliseconds: number,
  iterate: (from: number, to: number) => Promise<void> | void,
): Promise<number> {
  const begun = performance.now();
  let done = 0;
  for (; performance.now() - begun < milliseconds; done += A_TURN) {
    await iterate(done, done + A_TURN);
    await turn();
  }
  return done / ((performance.now() - begun) / 1_000);
}

/** A guard that holds every token. */
async function freshGuard(): Promise<{ verifier: TokenVerifier }> {
  if (guard && performance.now() - guard.since < FRESH_MS) return guard;
  await guard?.app.close();

  @Module({
    imports: [AuthModule.forRoot({ nats: natsUrl, service: 'bench', cache: { maxEntries: credentials.length } })],
  })
  class GuardModule {}
  const app = await NestFactory.createApplicationContext(GuardModule, { logger: ['error', 'fatal'] });
  guard = { app, verifier: app.get(TokenVerifier), since: performance.now() };
  while ((await learn(guard.verifier)) > 0);
  return guard;
}

/** @returns how many tokens it did not hold */
async function learn(verifier: TokenVerifier): Promise<number> {
  let asked = 0;
  let next = 0;
  const ask = async () => {
    for (let place = next++; place < credentials.length; place = next++) {
      const question = { credential: credentials[place] as string, scopes: SCOPES, ip: ADDRESS };
      if (!verifier.recall(question)) {
        await verifier.verify(question);
        asked++;
      }
      uses++;
    }
  };
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, ask));
  return asked;
}

serveParent(async (message: GuardHitsMessage) => {
  if ('credentials' in message) {
    credentials = message.credentials;
    bare = new Map(credentials.map((text) => [hash('sha256', text, 'binary'), { expiresAt: Date.now() + 86_400_000 }]));
    return undefined;
  }
  const { run, milliseconds } = message;
  const inUse = credentials.slice(0, message.inUse);
  const before = uses;
  const rate = await runs[run](inUse, milliseconds);
  return { rate, uses: uses - before } satisfies GuardHits;
});
