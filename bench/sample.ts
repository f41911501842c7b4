/** What one measurement of one contender saw. */
export interface Sample {
  /** In the unit of its case: operations a second where that names none. */
  readonly value: number;
  /** Latencies in ms. */
  readonly p50?: number;
  readonly p99?: number;
  /** Latencies in ms, by percentile: `50`, `99.9`. */
  readonly percentiles?: Readonly<Record<string, number>>;
  /** Processor time of an operation in µs, by the kind of process that spent it. */
  readonly processor?: Readonly<Record<string, number>>;
  /** The share of the machine's processors that programs took which do not belong to the bench, 0 to 1. */
  readonly strangers?: number;
  /** How long after the measurement its consequences were still being worked off, in ms. */
  readonly aftermath?: number;
}
