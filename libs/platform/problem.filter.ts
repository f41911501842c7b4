import {
  type ArgumentsHost,
  Catch,
  type ExceptionFilter,
  HttpException,
  Logger,
  NotFoundException,
} from '@nestjs/common';
import { AuthProblem } from '@tokenlog/auth';
import type { ProblemBody, ProblemCode } from '@tokenlog/contracts/problems.js';
import type { Request, Response } from 'express';
import { allowedAt } from './methods.js';
import { Problem, problemOf } from './problem.js';
import { requestId } from './request-id.js';

/** Every error leaves as a problem; what was not meant for the caller is logged and says nothing of itself. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    if (host.getType() !== 'http') throw error;
    const http = host.switchToHttp();
    const response = http.getResponse<Response>();
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const request = http.getRequest<Request>();
    this.answer(request, response, describeError(error, request));
  }

  /** Another service's may say it in another form. */
  protected answer(_request: Request, response: Response, { body, headers }: Answer): void {
    response
      .status(body.status)
      .set(headers as Record<string, string | string[]>)
      .type('application/problem+json')
      .send(JSON.stringify(body));
  }
}

/** What an error is answered with over HTTP. */
export interface Answer {
  readonly body: ProblemBody;
  readonly headers: Problem['headers'];
}

/** The body and headers that an error is answered with over HTTP. */
export function describeError(error: unknown, request: Request): Answer {
  const problem = problemFor(error, request);
  const id = requestId();
  const body = problem.getResponse() as ProblemBody;
  return { body: id === undefined ? body : { ...body, requestId: id }, headers: problem.headers };
}

function problemFor(error: unknown, request: Request): Problem {
  // The guard knows no page of ours.
  if (error instanceof AuthProblem) {
    return new Problem(error.code, error.detail, { status: error.getStatus(), headers: error.headers });
  }
  // Nest's own words for this repeat the URL, and its query may hold a secret.
  if (error instanceof NotFoundException) return nothingThere(request);
  // Before what is away is told apart: a body that was cut off has a code of the system too.
  const problem = refusalByExpress(error) ?? problemOf(error);
  if (problem) return problem;
  if (error instanceof HttpException && error.getStatus() === 503) {
    return new Problem('service-unavailable', 'The service stops; try again.');
  }
  new Logger(ProblemFilter.name).error(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return new Problem('internal-error', 'The server failed to answer; the failure is in its log.');
}

/** What no route has taken: the address may have other methods. */
function nothingThere(request: Request): Problem {
  const allow = allowedAt(request);
  if (allow === undefined) return new Problem('not-found', 'There is nothing at this address.');
  return new Problem('method-not-allowed', `This address has the methods ${allow}.`, { headers: { Allow: allow } });
}

/** What Express and its parsers refuse: a path, or a body that is too large, cut off or not what its headers say. */
function refusalByExpress(error: unknown): Problem | null {
  // Nest wraps it, in words that are not ours.
  const cause = error instanceof HttpException ? (error.cause ?? error) : error;
  if (cause instanceof Problem) return cause;
  const { status, type } = (cause ?? {}) as { status?: unknown; type?: unknown };
  if (typeof status !== 'number' || status < 400 || status >= 500) return null;
  // What they say themselves quotes what was sent, and it may be a password or a token.
  const [code, detail] = REFUSALS[String(type)] ?? ['bad-request', 'The request cannot be read.'];
  return new Problem(code, detail);
}

/** By the types of errors of `body-parser` and `raw-body`. */
const REFUSALS: Record<string, [code: ProblemCode, detail: string]> = {
  'entity.parse.failed': ['bad-request', 'The body is not valid JSON.'],
  'entity.too.large': ['payload-too-large', 'The body is larger than 64 KiB.'],
  'parameters.too.many': ['payload-too-large', 'The form has more than 1,000 fields.'],
  'encoding.unsupported': ['bad-request', 'The body’s Content-Encoding is none of gzip, deflate, br.'],
  'charset.unsupported': ['bad-request', 'The body’s charset is not UTF-8.'],
  'request.aborted': ['bad-request', 'The body was cut off.'],
  'request.size.invalid': ['bad-request', 'The body is not as long as its Content-Length says.'],
};
