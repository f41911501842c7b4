import { Catch } from '@nestjs/common';
import type { ProblemBody } from '@tokenlog/contracts/problems.js';
import { type Answer, ProblemFilter } from '@tokenlog/platform/problem.filter.js';
import type { Request, Response } from 'express';

const PROBLEM = 'application/problem+json';
/** The routes that OAuth's clients ask, whatever they ask for there and by which method. */
const OF_OAUTH = /^\/(?:oauth2|\.well-known\/oauth-authorization-server)(?:\/|$)/i;

/**
 * On OAuth's routes, errors that its clients and everybody else can read: a problem (RFC 9457) which is an OAuth error too
 * (RFC 6749, 5.2: `error`, `error_description`). A client that asks for `application/json`, as that RFC's do, gets this type; it
 * reads no other. It goes by the address: much is refused before a route is found, or its body read.
 */
@Catch()
export class OAuthErrorFilter extends ProblemFilter {
  protected override answer(request: Request, response: Response, { body: problem, headers }: Answer): void {
    if (!OF_OAUTH.test(request.path)) {
      super.answer(request, response, { body: problem, headers });
      return;
    }
    response.set(headers as Record<string, string | string[]>);
    const basic = /^\s*basic\b/i.test(request.headers.authorization ?? '');
    if (problem.status === 401 && basic) {
      // RFC 6749, 5.2: the challenge names the scheme that the client used.
      const given = [response.getHeader('WWW-Authenticate') ?? []].flat().map(String);
      const [ofBasic = [], others = []] = [true, false].map((isBasic) =>
        given.filter((challenge) => challenge.startsWith('Basic ') === isBasic),
      );
      response.set('WWW-Authenticate', [ofBasic[0] ?? 'Basic realm="tokens", charset="UTF-8"', ...others]);
    }
    const body = { ...problem, error: errorOf(problem, basic), error_description: printable(problem.detail) };
    response
      .status(problem.status)
      .type(request.accepts(PROBLEM, 'application/json') || PROBLEM)
      .send(JSON.stringify(body));
  }
}

/** RFC 6749, 4.1.2.1 and 5.2; RFC 6750, 3.1. */
function errorOf({ status, code }: ProblemBody, basic: boolean): string {
  if (status === 401) return basic || code === 'credential-missing' ? 'invalid_client' : 'invalid_token';
  if (code === 'scope') return 'insufficient_scope';
  if (status === 403) return 'access_denied';
  if (status === 429 || status > 500) return 'temporarily_unavailable';
  return status === 500 ? 'server_error' : 'invalid_request';
}

/** The characters that RFC 6749, 5.2 allows. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, "'");
}
