/** A credential that a guard is to verify again and again. */
export interface Watched {
  readonly key: number;
  readonly text: string;
  readonly scopes?: string[];
}

/** How a guard goes wrong on purpose: the promise must be seen to break. */
export type Defect = 'none' | 'ignores-its-lease' | 'acknowledges-without-forgetting';

/** What the test asks of a guard's process; each is answered once, under its number. */
export type Order = { readonly n: number } & (
  | { readonly do: 'watch'; readonly watched: Watched[] }
  /** Answered when each watched credential has been accepted from memory. */
  | { readonly do: 'warm' }
  /** Answered when each watched credential has been accepted or refused so many times more. */
  | { readonly do: 'rounds'; readonly count: number }
  | { readonly do: 'ask'; readonly watched: Watched }
  | { readonly do: 'trace' }
);

/** Verifications, a column each: many of them cross at once. */
export interface Columns {
  readonly keys: Float64Array;
  readonly startedAt: Float64Array;
  readonly endedAt: Float64Array;
  /** Indexes of `outcomes`. */
  readonly outcomes: Uint8Array;
}

export interface Done {
  readonly n: number;
  readonly outcome?: number;
  readonly columns?: Columns;
}
