import { HttpException } from '@nestjs/common';
import { type FieldError, type ProblemCode, problemBody } from '@tokenlog/contracts/problems.js';
import { type Cause, causeOf, noteRefused, RETRY_AFTER_SECONDS } from './unavailable.js';
import { MOST_NAMED } from './wrong-fields.js';

/** A list is a line for each. */
type Headers = Readonly<Record<string, string | readonly string[]>>;

/** What a problem says beside its code and its detail. */
interface ProblemExtra {
  /** Where the code has several: another than its first. */
  readonly status?: number;
  readonly errors?: readonly FieldError[];
  readonly headers?: Headers;
  /** When to ask again; each 429 and 503 says so, by default `RETRY_AFTER_SECONDS`. */
  readonly retryAfterSeconds?: number;
  /** What the body says beside (RFC 9457, 3.2). */
  readonly members?: object;
}

/** An error that its caller is meant to read: answered as `application/problem+json`, with what the registry says of its code. */
export class Problem extends HttpException {
  readonly errors: readonly FieldError[] | undefined;
  readonly retryAfterSeconds: number | undefined;
  /** What the answer carries beside its body. */
  readonly headers: Headers;

  constructor(
    readonly code: ProblemCode,
    detail: string,
    extra: ProblemExtra = {},
  ) {
    const body = problemBody(code, detail, extra);
    super({ ...body, ...extra.members }, body.status);
    this.message = detail;
    this.errors = extra.errors;
    this.retryAfterSeconds = extra.retryAfterSeconds ?? defaultRetryAfter(body.status);
    this.headers = { ...retryAfter(this.retryAfterSeconds), ...extra.headers };
  }
}

/** Each 429 and 503 says when to ask again. */
function defaultRetryAfter(status: number): number | undefined {
  return status === 429 || status === 503 ? RETRY_AFTER_SECONDS : undefined;
}

function retryAfter(seconds: number | undefined): Record<string, string> {
  return seconds === undefined ? {} : { 'Retry-After': String(seconds) };
}

export function unavailable({ code, detail }: Cause): Problem {
  return new Problem(code, detail);
}

/** The problem that an error is, or, where the database, NATS or another service is away, the 503 that says so; or `null`. */
export function problemOf(error: unknown): Problem | null {
  if (error instanceof Problem) return error;
  const cause = causeOf(error);
  if (!cause) return null;
  noteRefused(cause, (error as Error).message);
  return unavailable(cause);
}

/** 400: these fields are wrong. */
export function invalidRequest(errors: readonly FieldError[]): Problem {
  const named = errors.slice(0, MOST_NAMED);
  const detail = named.map(({ field, detail }) => `${field}: ${detail}`).join('; ');
  return new Problem('invalid-request', detail, { errors: named });
}
