import { Logger } from '@nestjs/common';
import { Problem } from '@tokenlog/platform/problem.js';
import {
  AuthorizationResponseError,
  ClientError,
  ResponseBodyError,
  WWWAuthenticateChallengeError,
} from 'openid-client';

const logger = new Logger('ExternalLogin');

/** What a browser may bring about by what it sends back: the client library's codes for it. */
const NOT_AS_STARTED = [
  'OAUTH_INVALID_RESPONSE',
  'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
  'OAUTH_JWT_TIMESTAMP_CHECK_FAILED',
];

/** What else may come of asking the provider. A wrong client secret is a challenge. */
const OF_PROVIDER = [ClientError, ResponseBodyError, WWWAuthenticateChallengeError];

/**
 * What a failed login with the provider is to the person: 401 `login-denied`, 400 `login-invalid`, or, where the provider
 * fails, 502 `provider-failed` and 503 `provider-unavailable`, which are logged. A problem stays what it is.
 */
export function externalLoginFailure(error: unknown): unknown {
  if (error instanceof AuthorizationResponseError) return loginDenied(error.error);
  // An authorization code that is used up, too old, or bound to another verifier.
  if (error instanceof ResponseBodyError && error.error === 'invalid_grant') return loginInvalid();
  if (error instanceof ClientError && NOT_AS_STARTED.includes(error.code ?? '')) return loginInvalid();
  if (isNoAnswer(error)) return unavailable(error);
  if (OF_PROVIDER.some((type) => error instanceof type)) {
    logger.error(`The provider fails, or OIDC_… is not as it knows it: ${told(error as Error)}`);
    return new Problem('provider-failed', 'The login provider answered with something unusable; tell an admin.');
  }
  return error;
}

/** `fetch` says no more than this of a connection that fails; the client library may wrap it. */
function isNoAnswer(error: unknown): error is Error {
  const { code, message, cause } = (error ?? {}) as Partial<ClientError>;
  return code === 'OAUTH_TIMEOUT' || message === 'fetch failed' || (cause !== undefined && isNoAnswer(cause));
}

/** 404 */
export function externalLoginOff(): Problem {
  return new Problem('external-login-off', 'There is no external login here: OIDC_ISSUER is not set.');
}

/** RFC 6749, 4.1.2.1 and OpenID Connect Core, 3.1.2.6. */
const DENIALS = [
  ...['access_denied', 'invalid_request', 'invalid_scope', 'server_error', 'temporarily_unavailable'],
  ...['unauthorized_client', 'unsupported_response_type', 'login_required', 'consent_required', 'interaction_required'],
  ...['account_selection_required', 'invalid_request_uri', 'invalid_request_object', 'request_not_supported'],
  ...['request_uri_not_supported', 'registration_not_supported'],
];

/** 401: the person, or the provider, said no. What is not of the standards is not repeated: anybody can write it into a URL. */
export function loginDenied(error: string): Problem {
  const known = DENIALS.includes(error) ? ` (${error})` : '';
  return new Problem('login-denied', `The login was not granted at the provider${known}.`, {
    headers: { 'WWW-Authenticate': 'Bearer realm="identity"' },
  });
}

/** 400: nothing was started that this could be the end of. */
export function loginNotStarted(start: URL): Problem {
  const detail = `This browser has no login under way that this could finish, or it took too long; start again: ${start}`;
  return new Problem('login-not-started', detail);
}

function loginInvalid(): Problem {
  return new Problem(
    'login-invalid',
    'What came back from the provider does not belong to the login that was started.',
  );
}

function unavailable(error: Error): Problem {
  logger.warn(`The provider does not answer: ${told(error)}`);
  return new Problem('provider-unavailable', 'The login provider does not answer; try again.', {
    retryAfterSeconds: 5,
  });
}

/** An answer of the provider that is an error holds no secret; a body that is not one is not shown. */
function told(error: Error): string {
  const { error: code, error_description: description } = error as Partial<ResponseBodyError>;
  const cause = error.cause instanceof Error ? error.cause.message : undefined;
  return [error.message, code, description, cause].filter(Boolean).join('; ');
}
