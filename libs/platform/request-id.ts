import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';

/** The header that carries a request's id, over HTTP and over NATS. */
export const REQUEST_ID_HEADER = 'X-Request-Id';

/** What is taken over: short, and nothing that could end a line of a log or a header. Anything else is replaced. */
const USABLE = /^[\w.:+=@~/-]{1,128}$/;

const current = new AsyncLocalStorage<string>();

/** The id of the request that is being answered, where one is. */
export function requestId(): string | undefined {
  return current.getStore();
}

/** Runs what answers a request under the id that came with it; without a usable one under none. */
export function underRequestId<Result>(given: string | undefined, work: () => Result): Result {
  return given !== undefined && USABLE.test(given) ? current.run(given, work) : work();
}

/**
 * Gives each HTTP request an id: the one in `X-Request-Id` if it is usable, or a new one. It stands in the answer's header, in
 * problems, and in each line that is logged meanwhile.
 */
export function identifyRequest(request: Request, response: Response, next: NextFunction): void {
  const given = request.get(REQUEST_ID_HEADER);
  const id = given !== undefined && USABLE.test(given) ? given : randomUUID();
  response.setHeader(REQUEST_ID_HEADER, id);
  current.run(id, next);
}
