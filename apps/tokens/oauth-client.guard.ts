import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { TokenGuard } from '@tokenlog/auth';
import { Problem } from '@tokenlog/platform/problem.js';
import type { Request, Response } from 'express';
import { askGuard } from './ask-guard.js';

const FORM = 'application/x-www-form-urlencoded';

/**
 * What introspection and revocation ask of a request before they look at it: a caller with the scope `introspect`, which
 * verification gives to admins only, and a form. The caller is told apart from the form's `token`: that one is not looked at.
 */
@Injectable()
export class OAuthClientGuard implements CanActivate {
  constructor(private readonly guard: TokenGuard) {}

  async canActivate(context: ExecutionContext): Promise<true> {
    const request = context.switchToHttp().getRequest<Request>();
    const response = context.switchToHttp().getResponse<Response>();
    response.set('Cache-Control', 'no-store');
    decodeBasic(request);
    await askGuard(this.guard, request, response, { scopes: ['introspect'] });
    if (!request.is(FORM)) throw new Problem('unsupported-media-type', `The parameters must be a form: ${FORM}.`);
    return true;
  }
}

/**
 * RFC 6749, 2.3.1: OAuth clients encode user name and password as a form does, before Base64; `_` may become `%5F`. Account
 * names and tokens have no `%` of their own, so what is not encoded stays what it is; an imported key with one must be encoded.
 */
function decodeBasic({ headers }: Request): void {
  const encoded = /^basic\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  if (encoded === undefined) return;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  try {
    headers.authorization = `Basic ${Buffer.from(decodeURIComponent(text)).toString('base64')}`;
  } catch {
    // A stray percent sign: no credential has one, and the guard will say so.
  }
}
