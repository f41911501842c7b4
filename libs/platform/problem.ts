import { STATUS_CODES } from 'node:http';
import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  HttpException,
  Logger,
  StandardSchemaValidationPipe,
} from '@nestjs/common';
import type { Response } from 'express';
import { requestId } from './request-id.js';
import { type Cause, causeOf, noteRefused, RETRY_AFTER_SECONDS } from './unavailable.js';

/** RFC 9457. `code` is stable: programs decide on it; `detail` is for people. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  /** That of `X-Request-Id`: it stands in the log's lines too. */
  readonly requestId?: string;
}

/** One field of the request that is wrong. */
export interface FieldError {
  readonly field: string;
  readonly detail: string;
}

/** An error that its caller is meant to read: answered as `application/problem+json`. */
export class Problem extends HttpException {
  constructor(
    status: number,
    readonly code: string,
    detail: string,
    /** `members`: what the body says beside (RFC 9457, 3.2). */
    readonly extra: { errors?: FieldError[]; headers?: Record<string, string>; members?: object } = {},
  ) {
    super({ ...problemBody(status, code, detail, extra.errors), ...extra.members }, status);
    this.message = detail;
  }
}

/** 503 with `Retry-After`. */
export function unavailable({ code, detail }: Cause, members?: object): Problem {
  return new Problem(503, code, detail, { headers: { 'Retry-After': String(RETRY_AFTER_SECONDS) }, members });
}

/** The problem that an error is, or, where the database, NATS or another service is away, the 503 that says so; or `null`. */
export function problemOf(error: unknown): Problem | null {
  if (error instanceof Problem) return error;
  const cause = causeOf(error);
  if (!cause) return null;
  noteRefused(cause, (error as Error).message);
  return unavailable(cause);
}

/** The body of a problem. */
export function problemBody(status: number, code: string, detail: string, errors?: FieldError[]): ProblemBody {
  return {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    code,
    detail,
    ...(errors && { errors }),
  };
}

/** Checks parameters against the zod schemas in their decorators; each wrong field is named. */
export const validationPipe = new StandardSchemaValidationPipe({
  exceptionFactory: (issues) => {
    const errors = issues.slice(0, 20).map((issue) => ({
      field: (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.'),
      detail: issue.message,
    }));
    const detail = errors.map(({ field, detail }) => (field ? `${field}: ${detail}` : detail)).join('; ');
    return new Problem(400, 'invalid-request', detail, { errors });
  },
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
    response.status(body.status).set(headers).type('application/problem+json').send(JSON.stringify(told));
  }
}

/** The body and headers that an error is answered with over HTTP. */
export function describeError(error: unknown): { body: ProblemBody; headers: Record<string, string> } {
  if (error instanceof Problem) return answerOf(error);
  if (error instanceof HttpException) {
    const body = error.getResponse();
    if (isProblemBody(body)) return { body, headers: {} };
    return { body: problemBody(error.getStatus(), codeOf(error.getStatus()), error.message), headers: {} };
  }
  const status = (error as { status?: unknown })?.status;
  if (typeof status === 'number' && status >= 400 && status < 500) {
    // Express' own parsers: a body that is too large, cut off or not JSON.
    // What they say of a body quotes it, and it may be a password.
    const { type } = error as { type?: unknown };
    const detail = type === 'entity.parse.failed' ? 'The body is not valid JSON.' : (error as Error).message;
    return { body: problemBody(status, codeOf(status), detail), headers: {} };
  }
  const away = problemOf(error);
  if (away) return answerOf(away);
  new Logger(ProblemFilter.name).error(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return {
    body: problemBody(500, 'internal-error', 'The server failed to answer; the failure is in its log.'),
    headers: {},
  };
}

function answerOf(problem: Problem) {
  return { body: problem.getResponse() as ProblemBody, headers: problem.extra.headers ?? {} };
}

function isProblemBody(body: unknown): body is ProblemBody {
  return typeof body === 'object' && body !== null && 'code' in body && 'detail' in body && 'status' in body;
}

function codeOf(status: number): string {
  return (STATUS_CODES[status] ?? 'error').toLowerCase().replaceAll(/[^a-z]+/g, '-');
}
