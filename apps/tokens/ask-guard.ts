import type { ExecutionContext } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { type Authentication, authenticationOf, RequireRoles, RequireScopes, type TokenGuard } from '@tokenlog/auth';
import type { Request, Response } from 'express';

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
  const handler = () => undefined;
  const [scope, ...scopes] = asked.scopes ?? [];
  const [role, ...roles] = asked.roles ?? [];
  if (scope !== undefined) RequireScopes(scope, ...scopes)(handler);
  if (role !== undefined) RequireRoles(role, ...roles)(handler);
  const context: ExecutionContext = new ExecutionContextHost([request, response], Route, handler);
  await guard.canActivate(context);
  const authentication = authenticationOf(context);
  if (!authentication) throw new Error('the guard let a request through without a verification');
  return authentication;
}

/**
 * The same request, but for some of its properties; the one that came stays as it is. Prototypes do it, because Express
 * computes the address of the caller from properties that a copy would not have.
 */
export function requestAs(request: Request, differing: Partial<Pick<Request, 'method' | 'headers' | 'host'>>): Request {
  const properties = Object.entries(differing).map(([name, value]) => [name, { value, enumerable: true }] as const);
  return Object.create(request, Object.fromEntries(properties));
}

/** Stands for the controller, without decorators of its own. */
class Route {}
