import type { Bench } from './bench.js';
import type { Sample } from './sample.js';

/** One of the things that are measured side by side. */
export interface Contender {
  readonly name: string;
  /** Where it takes part; default: at every level of its case. */
  readonly levels?: readonly number[];
  /** Runs for so long at a level. Resolves when nothing of it runs on. */
  readonly measure: (level: number, milliseconds: number) => Promise<Sample>;
}

/** A figure that is computed within each round, of what that round measured. */
export interface Comparison {
  readonly name: string;
  readonly level: number;
  readonly figure: (sampleOf: (contender: string) => Sample) => number;
  readonly goal?: { readonly atLeast: number } | { readonly atMost: number };
}

/** What a case needs while it runs, ready to be measured. */
export interface Prepared {
  readonly contenders: readonly Contender[];
  readonly comparisons: readonly Comparison[];
  /** Contenders that could not be had, each with the reason: named in the report, never guessed. */
  readonly missing?: Readonly<Record<string, string>>;
  readonly end: () => Promise<void>;
}

/** Something to draw of a case: a line or a bar for each contender. */
export interface Picture {
  /** Its file is named after the case and this. */
  readonly of: 'rate' | 'latencies' | 'cost';
  readonly title: string;
  /** Where the latencies or the cost are taken; the rate is drawn against all levels. */
  readonly level?: number;
}

/** One question that the bench answers. */
export interface Case {
  /** As in `--case <name>`. */
  readonly name: string;
  readonly title: string;
  /** For a reader who knows nothing of it: what is measured, how, and what the figures mean. Markdown. */
  readonly explanation: string;
  /** What a sample's value counts, as the head of its column; default: operations `a second`. */
  readonly unit?: string;
  /** What a level says, as the head of its column; default: how many `clients` ask at once. */
  readonly levelName?: string;
  readonly levels: readonly number[];
  /** What is drawn of it; default: nothing. */
  readonly pictures?: readonly Picture[];
  readonly prepare: (bench: Bench) => Promise<Prepared>;
}
