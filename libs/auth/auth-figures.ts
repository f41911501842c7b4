/** What a guard counted since its start. */
export class AuthFigures {
  /** Verifications that were answered from memory. */
  hits = 0;
  /** Verifications that the token service was asked for. */
  asked = 0;
  /** Requests and messages that were refused, by `code`. */
  readonly refusals = new Map<string, { readonly status: number; count: number }>();

  /** Counts a refusal. */
  refused(code: string, status: number): void {
    const refusals = this.refusals.get(code) ?? { status, count: 0 };
    refusals.count++;
    this.refusals.set(code, refusals);
  }
}
