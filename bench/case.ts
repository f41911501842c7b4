import type { Stage } from './stage.js';

/** What one measurement of one contender saw. */
export interface Sample {
  /** Operations a second. */
  readonly rate: number;
  /** Latencies in ms. */
  readonly p50?: number;
  readonly p99?: number;
  /** Processor time of an operation in µs, by the kind of process that spent it. */
  readonly processor?: Readonly<Record<string, number>>;
  /** The share of the machine's processors that programs took which do not belong to the bench, 0 to 1. */
  readonly strangers?: number;
  /** How long after the measurement its consequences were still being worked off, in ms. */
  readonly aftermath?: number;
}

/** One of the things that are measured side by side. */
export interface Contender {
  readonly name: string;
  /** Where it takes part; default: at every level of its case. */
  readonly levels?: readonly number[];
  /** Runs for so long with so many concurrent clients. Resolves when nothing of it runs on. */
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
  readonly end: () => Promise<void>;
}

/** One question that the bench answers. */
export interface Case {
  /** As in `--case <name>`. */
  readonly name: string;
  readonly title: string;
  /** For a reader who knows nothing of it: what is measured, how, and what the figures mean. Markdown. */
  readonly explanation: string;
  /** Numbers of concurrent clients. */
  readonly levels: readonly number[];
  readonly prepare: (stage: Stage) => Promise<Prepared>;
}
