/** Has those who want the same take turns, and sends them away where too many wait: nobody can use up what all share. */
export class Turns {
  private readonly queues = new Map<string, { last: Promise<unknown>; waiting: number }>();

  /**
   * @param most that wait for one turn
   * @param longest that one waits, in milliseconds: by then whoever asked has given up
   */
  constructor(
    private readonly most: number,
    private readonly longest: number,
  ) {}

  /** Does the work when it is its turn; `null`, and nothing done, where too many wait, or it came too late. */
  async take<Result>(what: string, work: () => Promise<Result>): Promise<Result | null> {
    const queue = this.queues.get(what) ?? { last: Promise.resolve(), waiting: 0 };
    if (queue.waiting >= this.most) return null;
    this.queues.set(what, queue);
    queue.waiting++;
    const asked = performance.now();
    const turn = queue.last.then(() => (performance.now() - asked > this.longest ? null : work()));
    // What fails is told to whoever asked for it; the next one has its turn.
    queue.last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      if (--queue.waiting === 0) this.queues.delete(what);
    }
  }
}
