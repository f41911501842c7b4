/** An estimate is kept for so long where no better one comes, in ms: clocks are slewed. */
const KEPT_MS = 10_000;
/** One that is older is no use, in ms. */
const STALE_MS = 60_000;

/**
 * A moment of this process' monotonic clock by the database's, or a little earlier: so that a statement which was held up on
 * its way can see for itself that nobody waits for it any more. Known from what the database's answers say.
 */
export class LatestDecision {
  /** The database's clock less the monotonic one is this at least; as of `at`. In ms. */
  private least: { readonly offset: number; readonly at: number } | undefined;

  /** Whether an answer has said what time it is there, lately enough. */
  get isKnown(): boolean {
    return this.least !== undefined && performance.now() - this.least.at < STALE_MS;
  }

  /** @param said what the database's clock said, before now */
  hear(said: Date): void {
    const at = performance.now();
    const offset = said.getTime() - at;
    if (!this.least || offset >= this.least.offset || at - this.least.at > KEPT_MS) this.least = { offset, at };
  }

  /** The database's clock was set: what is known of it does not hold. */
  forget(): void {
    this.least = undefined;
  }

  /** @param moment of `performance.now()` */
  by(moment: number): Date {
    return new Date(Math.floor(moment + (this.least?.offset ?? Number.NaN)));
  }
}
