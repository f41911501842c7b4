import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../tools/paths.js';
import { StartError } from '../tools/start-error.js';
import { Bench } from './bench.js';
import type { Case } from './case.js';
import { appendInBatches } from './cases/append.js';
import { cachingGuardHit } from './cases/caching-guard-hit.js';
import { durableUse } from './cases/durable-use.js';
import { guardMemory } from './cases/guard-memory.js';
import { guardedRoute } from './cases/guarded-route.js';
import { introspectionOverHttp } from './cases/introspection-over-http.js';
import { rebuildOfTheTokenTable } from './cases/rebuild.js';
import { revocation } from './cases/revocation.js';
import { verificationBySize } from './cases/verification-by-size.js';
import { verificationBySpread } from './cases/verification-by-spread.js';
import { verificationOneAtATime } from './cases/verification-one-at-a-time.js';
import { verificationOverHttp } from './cases/verification-over-http.js';
import { verificationOverNats } from './cases/verification-over-nats.js';
import { describeMachine, isInMemory } from './machine.js';
import { draw, fileOf } from './picture.js';
import { asMarkdown, asText, PICTURES } from './report.js';
import { type CaseResult, runCase } from './run-case.js';

/** Every case, in the order of the report. */
const cases: readonly Case[] = [
  verificationOverNats,
  verificationOneAtATime,
  verificationBySpread,
  verificationBySize,
  durableUse,
  appendInBatches,
  rebuildOfTheTokenTable,
  revocation,
  verificationOverHttp,
  introspectionOverHttp,
  cachingGuardHit,
  guardedRoute,
  guardMemory,
];

const thorough = { rounds: 5, milliseconds: 1_500, tokens: 100_000, users: 1_000 };
const quick = { rounds: 2, milliseconds: 200, tokens: 1_000, users: 10 };
const USAGE = `Usage: npm run bench -- [--case <name>] [--rounds <number>] [--quick]

  --case <name>      measures one case: ${cases.map(({ name }) => name).join(', ')}
  --rounds <number>  ${thorough.rounds} where it is not given
  --quick            only shows that everything works; the figures mean little

Only a whole run, with at least ${thorough.rounds} rounds, writes bench/RESULTS.md.`;

const options = readOptions();
if (!options) {
  console.error(USAGE);
  process.exit(2);
}
const { chosen, pace } = options;
const aborter = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => aborter.abort());
if (process.channel) {
  // Closed by the end of the process that npm started, however it ended.
  process.once('disconnect', () => aborter.abort());
  process.channel.unref();
}

const stopped = new Promise<never>((_, reject) => {
  aborter.signal.addEventListener('abort', () => reject(new StartError('Stopped.')));
});
stopped.catch(() => {});

const say = (line: string) => console.error(line);
// Not in the system's folder for temporary files: on many systems that is in memory.
await mkdir(join(root, '.data'), { recursive: true });
const dataDir = await mkdtemp(join(root, '.data', 'bench-'));
try {
  if (isInMemory(dataDir)) say('The data is kept in memory here: commits cost nothing, and the rates say nothing.');
  const bench = new Bench(dataDir, pace, aborter.signal, say);
  try {
    await Promise.race([stopped, measure(bench)]);
  } finally {
    await bench.end();
  }
} catch (error) {
  console.error(error instanceof StartError ? error.message : (error as Error).stack);
  process.exitCode = 1;
} finally {
  await rm(dataDir, { recursive: true, force: true });
}

async function measure(bench: Bench): Promise<void> {
  const results: CaseResult[] = [];
  for (const subject of chosen) {
    const result = await runCase(subject, bench);
    console.log(`\n${asText(result)}\n`);
    results.push(result);
  }
  if (chosen.length < cases.length || pace.rounds < thorough.rounds) return;
  const machine = describeMachine(await (await bench.stage()).versions());
  const date = new Date().toISOString().slice(0, 10);
  const dataset = `In the database: ${pace.tokens.toLocaleString('en')} tokens of ${pace.users.toLocaleString('en')} users.`;
  const folder = join(root, 'bench', PICTURES);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const result of results) {
    for (const picture of result.case.pictures ?? []) {
      await writeFile(join(folder, fileOf(picture, result)), draw(picture, result));
    }
  }
  await writeFile(join(root, 'bench', 'RESULTS.md'), asMarkdown(results, { machine, date, dataset }));
  say('Written to bench/RESULTS.md.');
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: { case: { type: 'string' }, rounds: { type: 'string' }, quick: { type: 'boolean', default: false } },
    });
    const chosen = cases.filter(({ name }) => values.case === undefined || name === values.case);
    const pace = values.quick ? quick : thorough;
    const rounds = values.rounds === undefined ? pace.rounds : Number(values.rounds);
    if (chosen.length === 0 || !Number.isInteger(rounds) || rounds < 1) return undefined;
    return { chosen, pace: { ...pace, rounds } };
  } catch {
    return undefined;
  }
}
