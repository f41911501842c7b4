import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  HttpException,
  Logger,
  StandardSchemaValidationPipe,
} from '@nestjs/common';
import {
  type FieldError,
  isProblemCode,
  type ProblemBody,
  type ProblemCode,
  problemBody,
  problems,
} from '@tokenlog/contracts/problems.js';
import type { Request, Response } from 'express';
import { requestId } from './request-id.js';
import { type Cause, causeOf, noteRefused, RETRY_AFTER_SECONDS } from './unavailable.js';

/** What a problem says beside its code and its detail. */
interface ProblemExtra {
  /** Where the code has several: another than its first. */
  readonly status?: number;
  readonly errors?: readonly FieldError[];
  readonly headers?: Readonly<Record<string, string>>;
  /** When to ask again; each 429 and 503 says so, by default `RETRY_AFTER_SECONDS`. */
  readonly retryAfterSeconds?: number;
  /** What the body says beside (RFC 9457, 3.2). */
  readonly members?: object;
}

/** An error that its caller is meant to read: answered as `application/problem+json`, with what the registry says of its code. */
export class Problem extends HttpException {
  readonly retryAfterSeconds: number | undefined;
  /** What the answer carries beside its body. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly code: ProblemCode,
    detail: string,
    extra: ProblemExtra = {},
  ) {
    const body = problemBody(code, detail, extra);
    super({ ...body, ...extra.members }, body.status);
    this.message = detail;
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

/** The most fields that one answer names. */
const MOST_NAMED = 20;
/** What is named of what somebody sent: a credential or a password that was put there by mistake is longer, or has other characters. */
const NAMEABLE = /^[A-Za-z_]{1,32}$/;

/** 400: these fields are wrong. */
export function invalidRequest(errors: readonly FieldError[]): Problem {
  const named = errors.slice(0, MOST_NAMED);
  const detail = named.map(({ field, detail }) => (field ? `${field}: ${detail}` : detail)).join('; ');
  return new Problem('invalid-request', detail, { errors: named });
}

/** Fields that a request has and should not have. One that may be a secret in the wrong place is not named. */
export function unknownFields(names: readonly string[], path: readonly string[] = []): FieldError[] {
  return names.map((name) => {
    if (NAMEABLE.test(name)) return { field: [...path, name].join('.'), detail: 'is not known here' };
    return { field: path.join('.'), detail: 'has a field that is not known here' };
  });
}

/** What a schema finds, by Standard Schema. */
interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
  /** Zod's, of fields that are too many. */
  readonly code?: string;
  readonly keys?: readonly string[];
}

/** Every field counts: Nest's own pipe would take `__proto__` and `constructor` away before it looks. */
class ValidationPipe extends StandardSchemaValidationPipe {
  protected override stripProtoKeys(): void {}
}

/** Checks parameters against the zod schemas in their decorators; each wrong field is named. */
export const validationPipe = new ValidationPipe({
  exceptionFactory: (issues) =>
    invalidRequest(
      issues.slice(0, MOST_NAMED).flatMap((issue: Issue): FieldError[] => {
        const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part));
        if (issue.code === 'unrecognized_keys' && issue.keys) return unknownFields(issue.keys, path);
        return [{ field: path.join('.'), detail: issue.message }];
      }),
    ),
});

/** Every error leaves as a problem; what was not meant for the caller is logged and says nothing of itself. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    if (host.getType() !== 'http') throw error;
    const response = host.switchToHttp().getResponse<Response>();
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const { body, headers } = describeError(error);
    const id = requestId();
    const told = id === undefined ? body : { ...body, requestId: id };
    this.answer(host.switchToHttp().getRequest<Request>(), response, { body: told, headers });
  }

  protected answer(_request: Request, response: Response, { body, headers }: Answer): void {
    response.status(body.status).set(headers).type('application/problem+json').send(JSON.stringify(body));
  }
}

/** What an error is answered with over HTTP. */
export interface Answer {
  readonly body: ProblemBody;
  readonly headers: Readonly<Record<string, string>>;
}

/** The body and headers that an error is answered with over HTTP. */
export function describeError(error: unknown): Answer {
  if (error instanceof Problem) return answerOf(error);
  if (error instanceof HttpException) {
    const said = error.getResponse();
    if (isGuardProblem(said)) return answerOf(new Problem(said.code, said.detail, { status: said.status }));
    const status = error.getStatus();
    // Nest's own words for this repeat the URL, and its query may hold a secret.
    const detail = status === 404 ? 'There is nothing at this address, or not by this method.' : error.message;
    return answerOf(new Problem(codeOf(status), detail));
  }
  const status = (error as { status?: unknown })?.status;
  if (typeof status === 'number' && status >= 400 && status < 500) {
    // Express' own parsers: a body that is too large, cut off or not JSON.
    return answerOf(new Problem(codeOf(status), wordsFor(error as Error)));
  }
  const away = problemOf(error);
  if (away) return answerOf(away);
  new Logger(ProblemFilter.name).error(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return answerOf(new Problem('internal-error', 'The server failed to answer; the failure is in its log.'));
}

function answerOf(problem: Problem): Answer {
  return { body: problem.getResponse() as ProblemBody, headers: problem.headers };
}

/** What they say themselves of a body or a path quotes it, and it may be a password or a token. */
function wordsFor(error: Error & { type?: unknown }): string {
  if (error.type === 'entity.parse.failed') return 'The body is not valid JSON.';
  if (error instanceof URIError) return 'The path is not percent-encoded UTF-8.';
  return error.message;
}

/** What the guard refuses with is a problem of its own, which knows no page of ours. */
function isGuardProblem(body: unknown): body is ProblemBody {
  return typeof body === 'object' && body !== null && 'code' in body && isProblemCode(String(body.code));
}

/** The codes of what Nest and Express refuse by themselves, by their status. */
const OF_STATUS: ReadonlyMap<number, ProblemCode> = new Map(
  (['not-found', 'request-timeout', 'payload-too-large', 'unsupported-media-type'] as const).map((code) => [
    problems[code].status,
    code,
  ]),
);

function codeOf(status: number): ProblemCode {
  return OF_STATUS.get(status) ?? (status < 500 ? 'bad-request' : 'internal-error');
}
