import type { ExecutionContext } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { type Authentication, authenticationOf, RequireRoles, RequireScopes, type TokenGuard } from '@tokenlog/auth';
import type { Request, Response } from 'express';
import { LRUCache } from 'lru-cache';

/** What a caller must have; any one of each list is enough, and an empty list asks for nothing. */
export interface Asked {
  readonly scopes?: readonly string[];
  readonly roles?: readonly string[];
}

/**
 * Has the token guard decide about a request by requirements that are known only now, not to a decorator: one verification,
 * which is one use if it is accepted (S34).
 * @throws AuthProblem, with its headers set on the response
 */
export async function askGuard(
  guard: TokenGuard,
  request: Request,
  response: Response,
  asked: Asked,
): Promise<Authentication> {
  const context: ExecutionContext = new ExecutionContextHost([request, response], Route, handlerThatRequires(asked));
  await guard.canActivate(context);
  const authentication = authenticationOf(context);
  if (!authentication) throw new Error('the guard let a request through without a verification');
  return authentication;
}

/** The same request, but for some of its properties; the one that came stays as it is. */
export function requestAs(
  request: Request,
  differing: Partial<Pick<Request, 'method' | 'headers' | 'host' | 'body'>>,
): Request {
  const { method, headers, host, url, originalUrl, ip, body, query } = request;
  // All that a guard looks at. As the prototype of another object, the request would be slow for everybody after that.
  return { method, headers, host, url, originalUrl, ip, body, query, ...differing } as Request;
}

/** Proxies ask the same again and again, and a decorator costs as much as all else here. */
const handlers = new LRUCache<string, () => void>({ max: 100 });

function handlerThatRequires({ scopes = [], roles = [] }: Asked): () => void {
  const key = JSON.stringify([scopes, roles]);
  const known = handlers.get(key);
  if (known) return known;
  const handler = () => undefined;
  const [scope, ...otherScopes] = scopes;
  const [role, ...otherRoles] = roles;
  if (scope !== undefined) RequireScopes(scope, ...otherScopes)(handler);
  if (role !== undefined) RequireRoles(role, ...otherRoles)(handler);
  handlers.set(key, handler);
  return handler;
}

/** Stands for the controller, without decorators of its own. */
class Route {}
