import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { TokenGuard } from '@tokenlog/auth';
import { Problem } from '@tokenlog/platform/problem.js';
import type { Request, Response } from 'express';
import { askGuard } from '../guards/ask-guard.js';
import { presentClient } from './oauth-client-authentication.js';

const FORM = 'application/x-www-form-urlencoded';

/**
 * What introspection and revocation ask of a request before they look at it: a form, and a caller with the scope `introspect`,
 * which verification gives to admins only. The caller is told apart from the form's `token`: that one is not looked at.
 */
@Injectable()
export class OAuthClientGuard implements CanActivate {
  constructor(private readonly guard: TokenGuard) {}

  async canActivate(context: ExecutionContext): Promise<true> {
    const request = context.switchToHttp().getRequest<Request>();
    const response = context.switchToHttp().getResponse<Response>();
    response.set('Cache-Control', 'no-store');
    if (!isForm(request)) {
      throw new Problem('unsupported-media-type', `The parameters must be a form: ${FORM}.`);
    }
    request.body ??= {};
    presentClient(request);
    await askGuard(this.guard, request, response, { scopes: ['introspect'] });
    return true;
  }
}

/** Nothing at all is an empty one. */
function isForm(request: Request): boolean {
  return Boolean(request.is(FORM) ?? true) || request.headers['content-length'] === '0';
}
