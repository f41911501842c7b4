import type { ServerResponse } from 'node:http';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { AuthProblem, type AuthProblemBody, crossOrigin } from './auth-problem.js';
import {
  type AuthenticatedUser,
  type Authentication,
  type GuardedRequest,
  guardedRequest,
  type RequestDecider,
} from './authentication.js';
import type { IncomingRequest } from './read-other.js';
import { RequestAuthenticator } from './request-authenticator.js';
import { mayBeGivenCookie } from './same-origin.js';
import './tokenlog.strategy.js';

/**
 * Runs before every guard of the application: the strategy is given a bare request, and must know whose it is and which
 * route it goes to, in a plain `AuthGuard('tokenlog')` too. Refuses what a route that sets a cookie must not be asked,
 * before anything is verified and counted.
 */
@Injectable()
export class RequestMarker implements CanActivate, RequestDecider {
  constructor(
    private readonly authenticator: RequestAuthenticator,
    private readonly adapter: HttpAdapterHost,
  ) {}

  canActivate(context: ExecutionContext): true {
    if (context.getType() === 'http') this.mark(context);
    return true;
  }

  /**
   * Has the strategy ask here about this context's request.
   * @throws AuthProblem 403 `cross-origin`
   */
  mark(context: ExecutionContext): GuardedRequest {
    const request = guardedRequest(context);
    request.decider = this;
    if (request.requirements.setsCookie && !mayBeGivenCookie(context.getArgByIndex<IncomingRequest>(0))) {
      const problem = crossOrigin();
      this.authenticator.countRefusal(problem);
      this.refuse(request, problem);
      throw problem;
    }
    return request;
  }

  async authenticate(request: IncomingRequest, guarded: GuardedRequest): Promise<Authentication> {
    const authentication = await this.authenticator.authenticateRequest(request, guarded);
    this.accept(guarded, authentication);
    return authentication;
  }

  /** The header of an accepted request. */
  accept(guarded: GuardedRequest, authentication: Authentication): void {
    const expiresAt = this.authenticator.toldExpiry(authentication);
    if (expiresAt !== undefined) this.setHeaders(guarded, { 'Token-Expires-At': expiresAt });
  }

  /** The headers of a refusal, on the response itself: no filter of the application has to know of them. */
  refuse(guarded: GuardedRequest, problem: AuthProblem): void {
    this.setHeaders(guarded, problem.headers);
  }

  /** Nest's `AuthGuard` makes a 401 of its own when the last strategy has failed: what is told then is known only as it goes. */
  refuseUnlessOverruled({ response }: GuardedRequest, { headers }: AuthProblem): void {
    const answer = nodeResponse(response);
    if (answer === undefined) return;
    const { writeHead } = answer;
    answer.writeHead = function (this: ServerResponse, status: number, ...rest: unknown[]) {
      const isUntold = status === 401 && !this.hasHeader('WWW-Authenticate');
      if (isUntold) for (const [name, value] of Object.entries(headers)) this.setHeader(name, value);
      return writeHead.apply(this, [status, ...rest] as Parameters<typeof writeHead>);
    } as typeof writeHead;
  }

  private setHeaders({ response }: GuardedRequest, headers: AuthProblem['headers']): void {
    if (response === undefined) return;
    // A list is a line for each: not every client finds the second challenge in one line.
    for (const [name, value] of Object.entries(headers)) {
      this.adapter.httpAdapter.setHeader(response, name, value as string);
    }
  }
}

/** On Express the response itself, on Fastify its `raw`. */
function nodeResponse(response: object | undefined): ServerResponse | undefined {
  return (response as { raw?: ServerResponse } | undefined)?.raw ?? (response as ServerResponse | undefined);
}

/** What is left on a request, as passport would. */
interface Authenticated {
  user?: AuthenticatedUser;
  authInfo?: Authentication;
}

/**
 * Lets a request through whose credential is good for its route: over HTTP, in message handlers, GraphQL resolvers and
 * WebSocket gateways.
 * Use it with `@UseGuards(TokenGuard)`, or for all routes: `{ provide: APP_GUARD, useExisting: TokenGuard }`.
 * Refuses with 401, 403, and 503 when it cannot ask: `AuthProblem` over HTTP and in resolvers, `RpcException` or `WsException`
 * with `{code, detail, status}` in message handlers and gateways.
 */
@Injectable()
export class TokenGuard implements CanActivate {
  constructor(
    private readonly authenticator: RequestAuthenticator,
    private readonly marker: RequestMarker,
  ) {}

  /** Answers at once what is in memory. */
  canActivate(context: ExecutionContext): true | Promise<true> {
    if (context.getType() !== 'http') return this.guardOther(context);
    const guarded = this.marker.mark(context);
    if (guarded.requirements.public) return true;
    const request = context.getArgByIndex<IncomingRequest & Authenticated>(0);
    const decision = this.authenticator.authenticateRequest(request, guarded);
    return decision instanceof Promise
      ? this.guardLater(request, guarded, decision)
      : this.admit(request, guarded, decision);
  }

  private async guardLater(request: Authenticated, guarded: GuardedRequest, decision: Promise<Authentication>) {
    try {
      return this.admit(request, guarded, await decision);
    } catch (error) {
      if (error instanceof AuthProblem) this.marker.refuse(guarded, error);
      throw error;
    }
  }

  private admit(request: Authenticated, guarded: GuardedRequest, authentication: Authentication): true {
    this.marker.accept(guarded, authentication);
    request.user = authentication.user;
    request.authInfo = authentication;
    return true;
  }

  private async guardOther(context: ExecutionContext): Promise<true> {
    const guarded = guardedRequest(context);
    if (guarded.requirements.public) return true;
    try {
      await this.authenticator.authenticateOther(context, guarded);
      return true;
    } catch (error) {
      if (!(error instanceof AuthProblem)) throw error;
      throw await this.refusalOf(error, guarded, context.getType<string>());
    }
  }

  /** In the form that its transport knows. Only an application of that kind has the package with its error. */
  private async refusalOf(problem: AuthProblem, guarded: GuardedRequest, type: string): Promise<Error> {
    const { code, detail, status } = problem.getResponse() as AuthProblemBody;
    if (type === 'rpc') return new (await import('@nestjs/microservices')).RpcException({ code, detail, status });
    if (type === 'ws') return new (await import('@nestjs/websockets')).WsException({ code, detail, status });
    this.marker.refuse(guarded, problem);
    return problem;
  }
}
