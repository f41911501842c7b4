import type { Bench, Pace } from './bench.js';
import type { Case, Comparison, Contender } from './case.js';
import type { Sample } from './sample.js';
import { type Spread, spreadOf } from './statistics.js';

/** The medians of a contender's rounds. */
export interface Figures {
  readonly contender: string;
  readonly level: number;
  readonly value: Spread;
  readonly p50?: Spread;
  readonly p99?: Spread;
  readonly percentiles?: Readonly<Record<string, number>>;
  readonly processor?: Readonly<Record<string, number>>;
  readonly aftermath?: Spread;
}

export interface Ratio {
  readonly name: string;
  readonly level: number;
  readonly spread: Spread;
  readonly goal?: Comparison['goal'];
}

export interface CaseResult {
  readonly case: Case;
  readonly pace: Pace;
  readonly figures: readonly Figures[];
  readonly ratios: readonly Ratio[];
  readonly missing: Readonly<Record<string, string>>;
  /** Of the machine's processors, what other programs took. */
  readonly strangers?: Spread;
}

/**
 * Measures a case in rounds. Each round measures every contender once at every level, those of one level right after
 * each other, beginning with another one each time: a slow minute of the machine meets all of them alike.
 */
export async function runCase(subject: Case, bench: Bench): Promise<CaseResult> {
  const { pace, progress, signal } = bench;
  progress(`${subject.name}: preparing`);
  const { contenders, comparisons, missing = {}, end } = await subject.prepare(bench);
  try {
    progress(`${subject.name}: warming up`);
    for (const { contender, level } of oneRound(subject, contenders, 0)) {
      signal.throwIfAborted();
      await contender.measure(level, Math.min(pace.milliseconds, 1_000));
    }
    const rounds: Map<string, Sample>[] = [];
    for (let round = 0; round < pace.rounds; round++) {
      progress(`${subject.name}: round ${round + 1} of ${pace.rounds}`);
      const samples = new Map<string, Sample>();
      for (const { contender, level } of oneRound(subject, contenders, round)) {
        signal.throwIfAborted();
        samples.set(key(contender.name, level), await contender.measure(level, pace.milliseconds));
      }
      rounds.push(samples);
    }
    const figures = oneRound(subject, contenders, 0).map(({ contender: { name }, level }) =>
      figuresOf(
        name,
        level,
        rounds.map((samples) => sampleOf(samples, name, level)),
      ),
    );
    const compared = comparisons.filter(({ level }) => subject.levels.includes(level));
    const ratios = compared.map(({ name, level, figure, goal }) => {
      const ofRound = (samples: Map<string, Sample>) => figure((contender) => sampleOf(samples, contender, level));
      return { name, level, spread: spreadOf(rounds.map(ofRound)), ...(goal && { goal }) };
    });
    const strangers = rounds.flatMap((samples) => [...samples.values()].flatMap((sample) => sample.strangers ?? []));
    return {
      case: subject,
      pace,
      figures,
      ratios,
      missing,
      ...(strangers.length > 0 && { strangers: spreadOf(strangers) }),
    };
  } finally {
    await end();
  }
}

function oneRound(subject: Case, contenders: readonly Contender[], round: number) {
  return subject.levels.flatMap((level) => {
    const taking = contenders.filter(({ levels }) => !levels || levels.includes(level));
    return taking.map((_, index) => ({ contender: taking[(index + round) % taking.length] as Contender, level }));
  });
}

function figuresOf(contender: string, level: number, samples: readonly Sample[]): Figures {
  const spread = (figure: 'p50' | 'p99' | 'aftermath') => {
    const figures = samples.flatMap((sample) => sample[figure] ?? []);
    return figures.length > 0 ? { [figure]: spreadOf(figures) } : {};
  };
  const medians = (figures: 'processor' | 'percentiles') =>
    samples[0]?.[figures] && {
      [figures]: Object.fromEntries(
        Object.keys(samples[0][figures]).map((name) => [
          name,
          spreadOf(samples.map((sample) => sample[figures]?.[name] ?? 0)).median,
        ]),
      ),
    };
  return {
    contender,
    level,
    value: spreadOf(samples.map(({ value }) => value)),
    ...spread('p50'),
    ...spread('p99'),
    ...spread('aftermath'),
    ...medians('percentiles'),
    ...medians('processor'),
  };
}

function sampleOf(samples: Map<string, Sample>, contender: string, level: number): Sample {
  const sample = samples.get(key(contender, level));
  if (!sample) throw new Error(`${contender} takes no part at ${level}`);
  return sample;
}

function key(contender: string, level: number): string {
  return `${contender} @ ${level}`;
}
