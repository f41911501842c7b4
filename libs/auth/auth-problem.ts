import { STATUS_CODES } from 'node:http';
import { HttpException } from '@nestjs/common';
import { type GuardProblemCode, guardProblems } from '@tokenlog/contracts/problems.js';
import type { RefusalReason } from '@tokenlog/contracts/tokens/verify.js';
import type { VerifierUnavailableError } from './token-verifier.js';

/** RFC 9457. `code` is stable: programs decide on it; `detail` is for people. Every service of Tokenlog explains it at `/docs/errors`. */
export interface AuthProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: GuardProblemCode;
  readonly detail: string;
}

/** In seconds. */
const RETRY_AFTER = '1';

/** A refusal: 401, 403, or 503 when the token service cannot be asked. */
export class AuthProblem extends HttpException {
  /** What the response must carry beside the body: each 503 says when to ask again. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;

  constructor(
    readonly code: GuardProblemCode,
    readonly detail: string,
    headers: AuthProblem['headers'] = {},
  ) {
    const { status } = guardProblems[code];
    const title = STATUS_CODES[status] ?? 'Error';
    // The application has no page for it: RFC 9457, 4.2.1. No `statusCode`: with it Nest's adapters would take this for a body of their own.
    const body: AuthProblemBody = { type: 'about:blank', title, status, code, detail };
    super(body, status);
    this.message = detail;
    this.headers = status === 503 ? { 'Retry-After': RETRY_AFTER, ...headers } : headers;
  }

  /** What GraphQL shows of an error beside its message: Apollo's word for it, and the problem. */
  get extensions(): { readonly code: string; readonly problem: AuthProblemBody } {
    return { code: GRAPHQL_CODES[this.getStatus()] ?? 'FORBIDDEN', problem: this.getResponse() as AuthProblemBody };
  }
}

const GRAPHQL_CODES: Record<number, string> = { 401: 'UNAUTHENTICATED', 403: 'FORBIDDEN', 503: 'SERVICE_UNAVAILABLE' };

/** Of the `scope` in a challenge, which may be left out (RFC 6750, 3): nginx reads 4,096 bytes of all headers by default. */
const LONGEST_SCOPE = 1400;

/** Who refuses, and whether HTTP Basic is offered too: programs such as `wget` send it only when it is. */
export interface Challenger {
  readonly realm: string;
  readonly offersBasic: boolean;
}

/** Nothing was presented: a challenge without an error code (RFC 6750, 3.1). */
export function credentialMissing(challenger: Challenger): AuthProblem {
  return new AuthProblem('credential-missing', 'A token is needed.', {
    'WWW-Authenticate': challenges(challenger, `Bearer realm="${challenger.realm}"`),
  });
}

/** The token service refused, or would have: its reason is the code (S33). */
export function credentialRefused(
  challenger: Challenger,
  reason: RefusalReason,
  scopes: readonly string[] = [],
): AuthProblem {
  const { realm } = challenger;
  const detail = details[reason];
  if (reason === 'scope') {
    const wanted = scopes.join(' ');
    const scope = wanted !== '' && wanted.length <= LONGEST_SCOPE ? `, scope="${wanted}"` : '';
    return new AuthProblem(reason, detail, {
      'WWW-Authenticate': `Bearer realm="${realm}", error="insufficient_scope", error_description="${detail}"${scope}`,
    });
  }
  return new AuthProblem(reason, detail, {
    'WWW-Authenticate': challenges(
      challenger,
      `Bearer realm="${realm}", error="invalid_token", error_description="${detail}"`,
    ),
  });
}

/** RFC 7617, 2.1: user names and tokens are read as UTF-8. */
function challenges({ realm, offersBasic }: Challenger, bearer: string): string[] {
  return offersBasic ? [bearer, `Basic realm="${realm}", charset="UTF-8"`] : [bearer];
}

/** The token is good, its user has none of the roles (S26). */
export function roleMissing(roles: readonly string[]): AuthProblem {
  return new AuthProblem('role', `This needs the role ${roles.join(' or ')}.`);
}

/** The user must set a new password before anything else (S12). */
export function passwordChangeRequired(): AuthProblem {
  return new AuthProblem('password-change-required', 'The password must be changed first.');
}

/** A cookie came with a request that another site may have made (S45). */
export function crossOrigin(): AuthProblem {
  return new AuthProblem(
    'cross-origin',
    'A request that changes something needs the same origin, or a token in a header.',
  );
}

/** Nobody could say whether the credential is good: refused, never accepted. @param said why, by the token service */
export function verificationUnavailable(said?: VerifierUnavailableError['said']): AuthProblem {
  const code = said && isUnavailable(said.code) ? said.code : 'verification-unavailable';
  const detail = said?.detail ?? 'The token could not be verified; try again.';
  const seconds = said?.retryAfterSeconds;
  return new AuthProblem(code, detail, seconds === undefined ? {} : { 'Retry-After': String(seconds) });
}

/** A token service of a release to come may say what is not known here. */
function isUnavailable(code: string): code is GuardProblemCode {
  return Object.hasOwn(guardProblems, code) && guardProblems[code as GuardProblemCode].status === 503;
}

/** Without quotes and backslashes: they stand in `error_description` (RFC 6750, 3). */
const details: Record<RefusalReason, string> = {
  malformed: 'This is not a token: check for missing or mistyped characters.',
  unknown: 'This token is not known.',
  superseded: 'This token was refreshed; use its new value.',
  expired: 'This token has expired.',
  revoked: 'This token was revoked.',
  deleted: 'This token was deleted.',
  invalid: 'The user of this token does not exist any more.',
  'user-disabled': 'The user of this token is disabled.',
  'role-lost': 'The user of this token may not own tokens any more.',
  scope: 'This token has none of the scopes that this needs.',
  'session-ended': 'This session has ended.',
};
