import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import { AuthProblem, type AuthProblemBody } from './auth-problem.js';
import { RequestAuthenticator } from './request-authenticator.js';
import { requirementsOf } from './requirements.js';
import { decideBy, STRATEGY } from './tokenlog.strategy.js';

/**
 * Runs before every guard of the application: the strategy is given a bare request, and must know whose it is and which
 * route it goes to, in a plain `AuthGuard('tokenlog')` too.
 */
@Injectable()
export class RequestMarker implements CanActivate {
  constructor(
    private readonly authenticator: RequestAuthenticator,
    private readonly adapter: HttpAdapterHost,
  ) {}

  canActivate(context: ExecutionContext): true {
    if (context.getType() !== 'http') return true;
    decideBy(context.switchToHttp().getRequest(), {
      authenticate: async () => {
        const authentication = await this.authenticator.authenticate(context);
        this.setHeaders(context, this.authenticator.headersOf(authentication));
        return authentication;
      },
      refuse: (problem) => this.refuse(context, problem),
    });
    return true;
  }

  /** The headers of a refusal, on the response itself: no filter of the application has to know of them. */
  refuse(context: ExecutionContext, problem: AuthProblem): void {
    this.setHeaders(context, { 'Content-Type': 'application/problem+json', ...problem.headers });
  }

  private setHeaders(context: ExecutionContext, headers: Readonly<Record<string, string>>): void {
    const response = context.switchToHttp().getResponse();
    for (const [name, value] of Object.entries(headers)) this.adapter.httpAdapter.setHeader(response, name, value);
  }
}

/**
 * Lets a request through whose credential is good for its route, over HTTP and in message handlers.
 * Use it with `@UseGuards(TokenGuard)`, or for all routes: `{ provide: APP_GUARD, useExisting: TokenGuard }`.
 * Refuses with 401, 403, and 503 when it cannot ask: `AuthProblem` over HTTP, `RpcException` with `{code, detail, status}`
 * in message handlers.
 */
@Injectable()
export class TokenGuard extends AuthGuard(STRATEGY) {
  constructor(
    private readonly authenticator: RequestAuthenticator,
    private readonly marker: RequestMarker,
  ) {
    super();
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    if (requirementsOf(context).public) return true;
    return context.getType() === 'http' ? this.guardRequest(context) : this.guardMessage(context);
  }

  /** Passport's answer: a user, an error, or what the strategy failed with. */
  override handleRequest<User>(error: unknown, user: User | false | null, problem: unknown): User {
    if (user) return user;
    throw error ?? problem;
  }

  private async guardRequest(context: ExecutionContext): Promise<boolean> {
    this.marker.canActivate(context);
    try {
      return (await super.canActivate(context)) as boolean;
    } catch (error) {
      if (error instanceof AuthProblem) this.marker.refuse(context, error);
      throw error;
    }
  }

  private async guardMessage(context: ExecutionContext): Promise<boolean> {
    try {
      await this.authenticator.authenticate(context);
      return true;
    } catch (error) {
      if (!(error instanceof AuthProblem)) throw error;
      // Only an application with message handlers has this package.
      const { RpcException } = await import('@nestjs/microservices');
      const { code, detail, status } = error.getResponse() as AuthProblemBody;
      throw new RpcException({ code, detail, status });
    }
  }
}
