import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { NextFunction, Request, Response } from 'express';
import { Problem } from './problem.js';

/** Refuses an address that is not percent-encoded UTF-8, its query included. */
export function refuseBadEncoding(request: Request, _response: Response, next: NextFunction): void {
  if (isPercentEncoded(request.url)) next();
  else next(new Problem('bad-request', 'The address is not percent-encoded UTF-8.'));
}

/** What the body parsers call with the bytes of a body before they read it. */
export function refuseBadBytes(_request: IncomingMessage, _response: unknown, bytes: Buffer, charset: string): void {
  if (charset === 'utf-8' && !isUtf8(bytes)) throw new Problem('bad-request', 'The body is not UTF-8.');
}

/** The same of a form. */
export function refuseBadForm(request: IncomingMessage, response: unknown, bytes: Buffer, charset: string): void {
  refuseBadBytes(request, response, bytes, charset);
  if (!isPercentEncoded(bytes.toString('latin1'))) {
    throw new Problem('bad-request', 'The form is not percent-encoded UTF-8.');
  }
}

function isPercentEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
