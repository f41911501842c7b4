/** What a guard counted since its start; the hits of its memory are the memory's own. */
export class AuthFigures {
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
