import type { VerifyReply, VerifyRequest } from '@tokenlog/contracts/tokens/verify.js';
import type { Problem } from '@tokenlog/platform/problem.js';

/** The most that wait: about as many as can be decided while whoever asked waits. */
export const MOST_WAITING = 20_000;
/** How long a question may take, in ms, where its caller does not wait for less: an answer was promised within two seconds. */
export const ANSWER_MS = 1_800;
/** What part of it is left for the commit and the answer: what is not decided by then is not decided, and not counted. */
const COMMIT_SHARE = 1 / 8;
/** How often those who have waited too long are looked for. */
const SWEEP_MS = 50;

/** One who asked. The moments are of the monotonic clock. */
interface Waiting {
  readonly resolve: (reply: VerifyReply) => void;
  readonly reject: (error: unknown) => void;
  readonly answerBy: number;
  readonly decideBy: number;
}

/** One question, and everyone who has asked it since the last batch and has not been answered. */
export interface Question {
  readonly id: string;
  readonly proof: string;
  readonly request: VerifyRequest;
  readonly firstAt: string;
  lastAt: string;
  readonly waiting: Waiting[];
  /** The earliest of those who wait. */
  answerBy: number;
  decideBy: number;
}

/** The questions that are in no batch yet. Whoever has waited too long is told so, and leaves it. */
export class VerificationQueue {
  private readonly questions = new Map<string, Question>();
  private sweeping: NodeJS.Timeout | undefined;
  private waiting = 0;

  /** @param late what so many are told who have waited too long */
  constructor(private readonly late: (answers: number) => Problem) {}

  /** How many have asked and are in no batch. */
  get length(): number {
    return this.waiting;
  }

  /** Whether one more would be too many. */
  get isFull(): boolean {
    return this.waiting >= MOST_WAITING;
  }

  /** @param patience how long whoever asks waits, in ms; 1.8 s at most */
  add(
    { id, proof }: { readonly id: string; readonly proof: string },
    request: VerifyRequest,
    at: string,
    patience = ANSWER_MS,
  ): Promise<VerifyReply> {
    const { scopes, roles, service, ip, username } = request;
    const key = JSON.stringify([id, proof, scopes, roles, service, ip, username]);
    const answerBy = performance.now() + Math.min(patience, ANSWER_MS);
    const decideBy = answerBy - Math.min(patience, ANSWER_MS) * COMMIT_SHARE;
    const question = this.questions.get(key) ?? {
      ...{ id, proof, request, firstAt: at, lastAt: at },
      ...{ waiting: [], answerBy, decideBy },
    };
    question.lastAt = at;
    question.answerBy = Math.min(question.answerBy, answerBy);
    question.decideBy = Math.min(question.decideBy, decideBy);
    this.questions.set(key, question);
    this.waiting++;
    this.sweeping ??= setInterval(() => this.sweep(), SWEEP_MS);
    return new Promise((resolve, reject) => question.waiting.push({ resolve, reject, answerBy, decideBy }));
  }

  /** The oldest questions, so many at most, without those for which it is too late. */
  take(most: number): Question[] {
    const batch: Question[] = [];
    const now = performance.now();
    for (const [key, question] of this.questions) {
      if (batch.length === most) break;
      this.questions.delete(key);
      this.waiting -= question.waiting.length;
      if (question.decideBy <= now) this.refuseLate(question, now);
      if (question.waiting.length > 0) batch.push(question);
    }
    return batch;
  }

  stop(): void {
    clearInterval(this.sweeping);
  }

  /** Tells those who have waited too long, while there is time to tell them. */
  private sweep(): void {
    const now = performance.now();
    for (const [key, question] of this.questions) {
      if (question.answerBy > now) continue;
      this.waiting -= this.refuseLate(question, now);
      if (question.waiting.length === 0) this.questions.delete(key);
    }
    if (this.questions.size > 0) return;
    clearInterval(this.sweeping);
    this.sweeping = undefined;
  }

  /** @returns how many could not be answered in time any more */
  private refuseLate(question: Question, now: number): number {
    const late = question.waiting.filter(({ decideBy }) => decideBy <= now);
    const inTime = question.waiting.filter(({ decideBy }) => decideBy > now);
    question.waiting.length = 0;
    question.answerBy = Number.POSITIVE_INFINITY;
    question.decideBy = Number.POSITIVE_INFINITY;
    for (const each of inTime) {
      question.waiting.push(each);
      question.answerBy = Math.min(question.answerBy, each.answerBy);
      question.decideBy = Math.min(question.decideBy, each.decideBy);
    }
    const problem = this.late(late.length);
    for (const { reject } of late) reject(problem);
    return late.length;
  }
}

/** Rejects whoever has not been answered yet. */
export function refuse(batch: readonly Question[], problem: (answers: number) => Problem): void {
  const unanswered = batch.flatMap(({ waiting }) => waiting.splice(0));
  if (unanswered.length === 0) return;
  const why = problem(unanswered.length);
  for (const { reject } of unanswered) reject(why);
}
