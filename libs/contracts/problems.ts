/** What a problem's code means to whoever gets it. */
export interface ProblemKind {
  /** The HTTP status that it is answered with. */
  readonly status: number;
  /** Others that it is answered with, where what it says is answered in several ways. */
  readonly also?: readonly number[];
  /** The same for each problem of this code (RFC 9457, 3.1.3): a few words without an end. */
  readonly title: string;
  /** What the caller can do. */
  readonly remedy: string;
}

/** Keeps each code's own type, and checks it. */
function kinds<const Kinds extends Record<string, ProblemKind>>(of: Kinds): Kinds {
  return of;
}

const CHECK_TOKEN = 'Use another token, or ask whoever looks after it; the same one will be refused again.';
const ASK_AGAIN = 'Nothing was done. Ask again after `Retry-After` seconds.';

/** Those with which the guard refuses, in whichever service it stands: the reasons of a verification among them (S33). */
export const guardProblems = kinds({
  'credential-missing': {
    status: 401,
    title: 'No credential',
    remedy: 'Send a token, as `Authorization: Bearer …` or in another way that `WWW-Authenticate` offers, or log in.',
  },
  malformed: {
    status: 401,
    title: 'Not a token',
    remedy: 'Copy the token anew: characters are missing, or mistyped.',
  },
  unknown: {
    status: 401,
    title: 'Unknown token',
    remedy: 'Check that the token is of this deployment, and that a user name sent with it is its owner’s.',
  },
  superseded: {
    status: 401,
    title: 'Replaced secret',
    remedy: 'Use the secret that the refresh gave, or refresh the token once more.',
  },
  expired: {
    status: 401,
    title: 'Expired token',
    remedy: 'Let its owner move the expiry, or create another token.',
  },
  revoked: { status: 401, title: 'Revoked token', remedy: `A revocation is for good. ${CHECK_TOKEN}` },
  deleted: { status: 401, title: 'Deleted token', remedy: CHECK_TOKEN },
  invalid: {
    status: 401,
    title: 'Token without its user',
    remedy: 'An admin can reassign the token to another user, which gives it a new secret.',
  },
  'user-disabled': {
    status: 401,
    also: [403, 409],
    title: 'Disabled user',
    remedy:
      'An admin can enable the user: the token (401), the login (403) or the change of a token (409) is good again then.',
  },
  'role-lost': {
    status: 401,
    title: 'Owner without the role for tokens',
    remedy: 'An admin can give the user a role that may own such tokens again.',
  },
  'session-ended': { status: 401, title: 'Ended session', remedy: 'Log in again.' },
  scope: {
    status: 403,
    title: 'Scope missing',
    remedy: 'Use a token with one of the scopes that `WWW-Authenticate` names.',
  },
  role: {
    status: 403,
    title: 'Role missing',
    remedy: 'Use the token of a user with one of the roles that `detail` names.',
  },
  'password-change-required': {
    status: 403,
    title: 'Password to be changed first',
    remedy: 'Change the password with `PUT /me/password`; until then only `/me` and `POST /logout` answer.',
  },
  'cross-origin': {
    status: 403,
    title: 'Request of another origin',
    remedy:
      'Send the request from a page of the same origin, or a token in the header `Authorization` in place of the cookie.',
  },
  'verification-unavailable': {
    status: 503,
    title: 'Verification unavailable',
    remedy: ASK_AGAIN,
  },
  'pepper-unknown': {
    status: 503,
    title: 'Key of the secret missing',
    remedy:
      'The token may be good. Ask again after `Retry-After` seconds; if that lasts, whoever runs the token service must give it the key (`TOKEN_PEPPERS_RETIRED`).',
  },
  overloaded: { status: 503, title: 'Too much at once', remedy: ASK_AGAIN },
  'database-unavailable': { status: 503, title: 'Database away', remedy: ASK_AGAIN },
  'nats-unavailable': { status: 503, title: 'NATS away', remedy: ASK_AGAIN },
  'service-unavailable': { status: 503, title: 'Other service away', remedy: ASK_AGAIN },
});

/** Those of what a request is, whatever it is about. */
const requestProblems = kinds({
  'bad-request': {
    status: 400,
    title: 'Request that does not parse',
    remedy:
      'Send well-formed HTTP, a percent-encoded address, and a body in the form, encoding and character set that its headers name: UTF-8.',
  },
  'invalid-request': {
    status: 400,
    title: 'Wrong fields',
    remedy:
      'Mend what `errors` lists: each has the `field` (`body`, `query` or `path` for the whole) and what is wrong with it.',
  },
  'invalid-cursor': {
    status: 400,
    title: 'Wrong cursor',
    remedy: 'Send the `nextCursor` of the page before, with the same filters and sort; or begin anew without one.',
  },
  'ambiguous-user': {
    status: 400,
    title: 'Ambiguous user',
    remedy: 'Write `id:` or `name:` before what names the user.',
  },
  'not-found': {
    status: 404,
    title: 'Nothing at this address',
    remedy: 'Check the address against the service’s `/openapi.json`.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'Method that this address does not have',
    remedy: 'Use one of the methods in the header `Allow`.',
  },
  'request-timeout': {
    status: 408,
    title: 'Request not sent in time',
    remedy: 'Send the request again, all of it within ten seconds.',
  },
  'precondition-failed': {
    status: 412,
    title: 'Changed since it was read',
    remedy: 'Read it again, decide anew, and send the change with the `ETag` of that answer in `If-Match`.',
  },
  'payload-too-large': { status: 413, title: 'Body too large', remedy: 'Send at most 64 KiB.' },
  'unsupported-media-type': {
    status: 415,
    title: 'Content type that is not read here',
    remedy: 'Send the body as what `detail` names, and say so in `Content-Type`.',
  },
  'request-header-fields-too-large': {
    status: 431,
    title: 'Headers too large',
    remedy: 'Send fewer or shorter headers: 16 KiB in all, the address among them.',
  },
  'internal-error': {
    status: 500,
    title: 'Failure of the service',
    remedy:
      'Tell whoever runs the service the `requestId`: the log has the failure under it. Whether something was done is not known.',
  },
  'not-ready': {
    status: 503,
    title: 'Not ready',
    remedy: 'Send the service no traffic until it is ready; `details` says which part is down.',
  },
  'service-failed': {
    status: 502,
    title: 'Failure of the other service',
    remedy: 'Tell whoever runs the services: the log has the failure.',
  },
});

/** Those of logins, passwords and users. */
const identityProblems = kinds({
  'wrong-credentials': {
    status: 401,
    title: 'Wrong user name or password',
    remedy: 'Check both; a token may stand in the password’s place.',
  },
  'too-many-attempts': {
    status: 429,
    title: 'Too many wrong passwords',
    remedy: 'Wait for `Retry-After` seconds; the right password is refused until then too.',
  },
  'wrong-password': { status: 403, title: 'Wrong password', remedy: 'Enter the password of your own account.' },
  'no-local-password': {
    status: 409,
    title: 'No local password',
    remedy: 'The help desk or an admin can set a password for the account.',
  },
  'password-required': {
    status: 403,
    title: 'Password to be entered again',
    remedy: 'Send your own password in the field `password`.',
  },
  'password-unchanged': { status: 400, title: 'Password as before', remedy: 'Choose another password.' },
  'password-just-changed': {
    status: 409,
    title: 'Password changed meanwhile',
    remedy: 'Log in with the password that was set meanwhile, and change that one if need be.',
  },
  'token-session': {
    status: 403,
    title: 'Session without the password',
    remedy: 'Log in with the password, and ask in that session.',
  },
  'not-a-session': {
    status: 409,
    title: 'Not a session',
    remedy: 'There is nothing to log out of; a token is ended by revoking it.',
  },
  'user-not-found': {
    status: 404,
    title: 'No such user',
    remedy: 'Check the id: the user may have been deleted.',
  },
  'username-taken': { status: 409, title: 'Account name taken', remedy: 'Choose another account name.' },
  'last-admin': {
    status: 409,
    title: 'Last admin',
    remedy: 'Give another user the role `admin` first.',
  },
  'own-account': {
    status: 409,
    title: 'Your own account',
    remedy: 'Change your own password with `PUT /me/password`.',
  },
  'admin-account': {
    status: 403,
    title: 'Account of an admin',
    remedy: 'Ask an admin.',
  },
  'application-user': {
    status: 409,
    title: 'Application, not a person',
    remedy: 'Create a token for the application: it has no password, and nobody to log in.',
  },
  'external-identity-taken': {
    status: 409,
    title: 'External identity of another user',
    remedy: 'Take it away from the other user first.',
  },
  'external-login-off': {
    status: 404,
    title: 'No external login',
    remedy: 'Log in with a password; whoever runs the service can set `OIDC_ISSUER`.',
  },
  'login-denied': {
    status: 401,
    title: 'Login denied by the provider',
    remedy: 'Start the login again, or ask whoever looks after the provider’s accounts.',
  },
  'login-not-started': {
    status: 400,
    title: 'Login not under way',
    remedy: 'Start the login again in this browser, with cookies allowed.',
  },
  'login-invalid': { status: 400, title: 'End of another login', remedy: 'Start the login again.' },
  'username-unusable': {
    status: 400,
    title: 'Account name of the provider that cannot be used',
    remedy: 'Let the account be given another name at the provider, or let an admin set which claim names it.',
  },
  'provider-failed': {
    status: 502,
    title: 'Failure of the login provider',
    remedy: 'Tell an admin: the settings do not fit the provider, or it fails; the log says why.',
  },
  'provider-unavailable': {
    status: 503,
    title: 'Login provider away',
    remedy: 'Start the login again after `Retry-After` seconds.',
  },
});

/** Those of tokens and sessions. */
const tokenProblems = kinds({
  'token-not-found': {
    status: 404,
    title: 'No such token',
    remedy: 'Check the id: the token may have been deleted, or be somebody else’s.',
  },
  'session-not-found': {
    status: 404,
    title: 'No such session',
    remedy: 'Check the id: the session may have ended, or be somebody else’s.',
  },
  'token-revoked': {
    status: 409,
    title: 'Token is revoked',
    remedy: 'A revocation is for good: create another token.',
  },
  'token-invalid': {
    status: 409,
    title: 'Token’s user is gone',
    remedy: 'An admin can reassign the token to another user first.',
  },
  'request-under-way': {
    status: 409,
    title: 'The same request is under way',
    remedy:
      'Ask again with the same `Idempotency-Key` after `Retry-After` seconds: the answer is that of the first request then.',
  },
  'idempotency-key-reused': {
    status: 422,
    title: 'Idempotency-Key of another request',
    remedy: 'Send a new `Idempotency-Key` with another request, or repeat the first one as it was.',
  },
  'refreshed-meanwhile': {
    status: 409,
    title: 'Replaced by somebody else meanwhile',
    remedy: 'Somebody else was given a new secret at the same time. Ask again only if that one is to end.',
  },
  'expiry-needed': {
    status: 409,
    title: 'Expiry needed',
    remedy: 'Send `expiresAt` in the future: with its old expiry the new secret would be dead at once.',
  },
  'expiry-in-the-past': { status: 400, title: 'Expiry in the past', remedy: 'Send `expiresAt` in the future.' },
  'same-user': {
    status: 409,
    title: 'Owner as before',
    remedy: 'Refresh the token for a new secret, or reassign it to another user.',
  },
  'not-a-token': {
    status: 403,
    title: 'Not a token',
    remedy: 'Send a token itself: a session may not ask this.',
  },
  'not-active': {
    status: 409,
    title: 'Ended meanwhile',
    remedy: 'What the session would stand on has just ended. Log in again, or use another token.',
  },
  'not-caught-up': { status: 503, title: 'Not heard of it yet', remedy: ASK_AGAIN },
  'exceeds-credential': {
    status: 403,
    title: 'More than the credential has',
    remedy: 'Ask for no more than the token that asks has itself, or log in with the password.',
  },
  'scope-reserved': {
    status: 403,
    title: 'Reserved scope',
    remedy: 'Leave the scope out, or let an admin own the token.',
  },
  'policy-create': { status: 403, title: 'Only admins create tokens', remedy: 'Ask an admin for a token.' },
  'policy-owner-roles': {
    status: 403,
    title: 'Owner without a role for tokens',
    remedy: 'An admin can give the user one of the roles that `detail` names.',
  },
  'policy-allow-admin-tokens': {
    status: 403,
    title: 'No tokens of admins',
    remedy: 'Let the token be another user’s, who is no admin.',
  },
  'user-never-logged-in': {
    status: 409,
    title: 'Owner has never logged in',
    remedy: 'Let the user log in once first.',
  },
  'policy-scopes': {
    status: 403,
    title: 'Scope that the policy does not allow',
    remedy: 'Use the scopes that `detail` names.',
  },
  'policy-max-lifetime': {
    status: 403,
    title: 'Longer than the policy allows',
    remedy: 'Send an earlier `expiresAt`; `detail` says how many days are allowed.',
  },
  'policy-max-tokens': {
    status: 409,
    title: 'As many tokens as one may have',
    remedy: 'Revoke or delete a token that is not needed any more.',
  },
});

/**
 * Every code of a problem (RFC 9457) that a service, the guard or a request over NATS is answered with, OAuth's own `error` apart.
 * Codes are published: one is never given another meaning, and none is taken away. `docs/errors.md` is made of this.
 */
export const problems = { ...guardProblems, ...requestProblems, ...identityProblems, ...tokenProblems };

/** The same under headings, as people read them. */
export const problemGroups: readonly { readonly title: string; readonly of: Readonly<Record<string, ProblemKind>> }[] =
  [
    { title: 'Whoever asks: tokens, sessions and what they may do', of: guardProblems },
    { title: 'The request itself', of: requestProblems },
    { title: 'Logins, passwords and users', of: identityProblems },
    { title: 'Tokens and sessions', of: tokenProblems },
  ];

/** A code with which the guard refuses. */
export type GuardProblemCode = keyof typeof guardProblems;

/** A code that can be answered. */
export type ProblemCode = keyof typeof problems;

/** The statuses that a code is answered with. */
export function statusesOf(code: ProblemCode): readonly number[] {
  const { status, also = [] }: ProblemKind = problems[code];
  return [status, ...also];
}

/** Whether a text, of a message or of an error, is a code of the registry. */
export function isProblemCode(text: string): text is ProblemCode {
  return Object.hasOwn(problems, text);
}

/** Where every service explains the codes, one anchor each. */
export const PROBLEMS_PAGE = '/docs/errors';

/** What tells one kind of problem from another (RFC 9457, 3.1.1): a reference that resolves at the service that answers. */
export function problemType(code: ProblemCode): string {
  return `${PROBLEMS_PAGE}#${code}`;
}

/** One field of a request that is wrong. */
export interface FieldError {
  /** Its path, as in `roles.0`; `body`, `query` or `path` for the whole; or the name of a header. */
  readonly field: string;
  readonly detail: string;
}

/** RFC 9457. `code` is stable: programs decide on it; `detail` is for people. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  /** That of `X-Request-Id`: it stands in the log's lines too. */
  readonly requestId?: string;
}

/**
 * The body of a problem.
 * @param status where the code has several: another than its first
 */
export function problemBody(
  code: ProblemCode,
  detail: string,
  { status = problems[code].status, errors }: { status?: number; errors?: readonly FieldError[] } = {},
): ProblemBody {
  return { type: problemType(code), title: problems[code].title, status, code, detail, ...(errors && { errors }) };
}
