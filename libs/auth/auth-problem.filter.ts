import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost } from '@nestjs/core';
import { AuthProblem } from './auth-problem.js';

/**
 * Answers a refusal as `application/problem+json` where no filter of the application does. As a text: Nest 11 takes an object
 * of this type for a mistake, warns of each, and answers it as `application/json`.
 */
@Catch(AuthProblem)
export class AuthProblemFilter implements ExceptionFilter<AuthProblem> {
  constructor(
    private readonly adapter: HttpAdapterHost,
    config: ApplicationConfig,
  ) {
    // The first filter is asked last: the application's own, which come behind it, are asked before.
    config.getGlobalFilters().unshift(this);
  }

  catch(problem: AuthProblem, host: ArgumentsHost): void {
    if (host.getType() !== 'http') throw problem;
    const { httpAdapter } = this.adapter;
    const response = host.getArgByIndex(1);
    if (httpAdapter.isHeadersSent(response)) {
      httpAdapter.end(response);
      return;
    }
    httpAdapter.setHeader(response, 'Content-Type', 'application/problem+json');
    httpAdapter.reply(response, JSON.stringify(problem.getResponse()), problem.getStatus());
  }
}
